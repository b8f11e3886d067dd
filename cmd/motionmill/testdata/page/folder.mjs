// A folder with a folder in it, dropped as the file manager of a desktop does:
// Chromium itself makes the entries that the page walks.
import { check, until } from './check.mjs';

export async function dropped({ page, context, options }) {
  await page.goto(`${options.page}/#/`);
  const lines = page.locator('#uploads li', { hasText: 'inner.mp4' });
  const before = await lines.count();
  const devtools = await context.newCDPSession(page);
  const box = await page.locator('#drop').boundingBox();
  const drag = (type) => devtools.send('Input.dispatchDragEvent', {
    type, x: box.x + box.width / 2, y: box.y + box.height / 2, data: { items: [], files: [options.folder], dragOperationsMask: 1 },
  });
  await drag('dragEnter');
  await drag('dragOver');
  await until('the place shows that it takes the folder', () => page.locator('#drop.over').count());
  await drag('drop');
  await page.locator('#skipped', { hasText: '1 files in the folder are no videos' }).waitFor();
  await until('the video in the inner folder is taken', async () => (await lines.count()) === before + 1);
  await lines.first().getByText('Open the job').waitFor();
  check((await page.locator('#drop.over').count()) === 0, 'the place still waits for something');
  await devtools.detach();
}
