// Signing in, and an upload with its live progress.
import path from 'node:path';
import { check, until } from './check.mjs';

/** Keeps a picture of the page where PAGE_SHOTS names a folder. */
export async function shot(page, name) {
  if (process.env.PAGE_SHOTS) await page.screenshot({ path: path.join(process.env.PAGE_SHOTS, `${name}.png`), fullPage: true });
}

export async function uploads(seen) {
  const { page, options } = seen;
  await page.goto(options.page);
  await page.getByLabel('Name', { exact: true }).fill('anna');
  await page.getByLabel('Password').fill(options.password);
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();

  await page.locator('#files').setInputFiles(options.video);
  const row = page.locator('#jobs .job', { hasText: path.basename(options.video) });
  const shown = new Set();
  await until('the job is done', async () => {
    const now = await row.evaluateAll(([node]) => node && { state: node.dataset.state, text: node.innerText, value: node.querySelector('progress')?.value });
    if (now?.state === 'running' && now.value > 0) shown.add(now.value);
    check(now?.state !== 'dead', `the job failed: ${now?.text}`);
    return now?.state === 'succeeded';
  }, 60_000);
  check(shown.size >= 2, `the bar moved through ${[...shown]} only`);
  seen.job = (await row.locator('a').getAttribute('href')).replace('#/jobs/', '');

  // A name from outside stays text: in the line of the upload it is as the file has it.
  const name = '<img src=x onerror=alert(1)><script>alert(2)</script>🎉.mp4';
  await page.evaluate((hostile) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['no video'], hostile, { type: 'video/mp4' }));
    document.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  }, name);
  const line = page.locator('#uploads li').first();
  await until('the upload has a job', () => line.locator('a').count());
  check((await line.locator('.title').innerText()) === name, `the name became ${await line.innerHTML()}`);
  check((await page.locator('#uploads img, #uploads script, #jobs img').count()) === 0, 'a name became markup');
  const dead = page.locator('#jobs .job[data-state=dead]');
  await dead.waitFor();
  const words = await dead.innerText();
  check(/not a video/.test(words) && /Upload the video itself/.test(words), `the failure is told as ${words}`);

  // A folder: what is no video is left out. And a link, which the stage fetches.
  await page.locator('#folder').setInputFiles(options.folder);
  await page.locator('#skipped', { hasText: '1 files in the folder are no videos' }).waitFor();
  await page.locator('#uploads li', { hasText: 'inner.mp4' }).getByText('Open the job').waitFor();
  await page.getByLabel('Link to a video').fill(`${options.elsewhere}/linked.mp4`);
  await page.getByRole('button', { name: 'Fetch' }).click();
  await page.locator('#uploads li', { hasText: 'linked.mp4' }).getByText('Open the job').waitFor();

  // Filters and search.
  const jobs = page.locator('#jobs .job');
  await until('all four are there', async () => (await jobs.count()) === 4);
  await page.locator('#by-state').selectOption('dead');
  await until('only failed jobs are shown', async () => (await jobs.count()) > 0 && (await row.count()) === 0);
  await page.locator('#by-state').selectOption('all');
  await page.locator('#search').fill(path.basename(options.video).slice(0, 5).toUpperCase());
  await until('only the searched job is shown', async () => (await jobs.count()) === 1 && (await row.count()) === 1);
  await page.locator('#search').fill('');
  await until('all jobs are shown', async () => (await jobs.count()) === 4);
}
