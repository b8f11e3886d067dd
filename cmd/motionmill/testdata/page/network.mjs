// A large upload: the network is cut in the middle, it is paused, the page is
// loaded again, and it goes on each time without sending what has arrived.
import { check, until } from './check.mjs';

const part = (url) => Number(new URL(url).searchParams.get('partNumber') ?? 0);

/**
 * Notes the parts that are stored, and holds those from one on back until they
 * are let go: none is on its way when the network is cut, for such a part may
 * be stored though its answer never comes.
 */
async function watch(page, held) {
  const gate = { stored: [], reached: 0, waiting: [], open() { for (const go of this.waiting.splice(0)) go(); } };
  page.on('response', (response) => {
    if (response.request().method() === 'PUT' && part(response.url()) > 0 && response.ok()) gate.stored.push(part(response.url()));
  });
  await page.route((url) => part(url) >= held, async (route) => {
    gate.reached++;
    await new Promise((done) => { gate.waiting.push(done); });
    await route.continue().catch(() => {}); // it may have been given up meanwhile
  });
  return gate;
}

export async function goesOn({ page, context, options }) {
  await page.goto(`${options.page}/#/`);
  const gate = await watch(page, 3);
  const line = page.locator('#uploads li').first();
  const state = (name) => until(`the upload is ${name}`, async () => (await line.getAttribute('data-state')) === name);
  await page.locator('#files').setInputFiles(options.large);
  await until('two parts are held', () => gate.reached === 2);
  await until('two parts are stored', () => gate.stored.includes(1) && gate.stored.includes(2));
  await context.setOffline(true);
  gate.open();
  await state('offline');
  check(/No connection/.test(await line.innerText()), `without network it says ${await line.innerText()}`);
  await context.setOffline(false);
  await state('sending');
  await until('they are held again', () => gate.reached === 4);

  await line.getByRole('button', { name: /^Pause/ }).click();
  await state('paused');
  await page.reload();
  await state('unfinished');
  check(/Broken off at/.test(await line.innerText()), `after a reload it says ${await line.innerText()}`);
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.locator('#files').setInputFiles(options.large);
  await state('received');
  const twice = gate.stored.filter((number, i) => gate.stored.indexOf(number) !== i);
  check(twice.length === 0 && new Set(gate.stored).size === options.parts, `of ${options.parts} parts these were stored: ${gate.stored}`);
  await until('the upload has its job', () => line.getByText('Open the job').count());
  check((await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('motionmill.upload.')))).length === 0, 'a note of the upload was left');
}
