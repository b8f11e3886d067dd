// The main journey without a mouse: a file is uploaded, a result opened and
// played, a person chosen, and back.
import { check, until } from './check.mjs';
import { joined } from './people.mjs';

/** Presses Tab until what has the focus fits a selector, and checks that the focus can be seen. */
async function tabTo(page, selector, key = 'Tab') {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press(key);
    const ring = await page.evaluate((wanted) => {
      const node = document.activeElement;
      if (!node?.matches(wanted)) return null;
      // A field that is not seen itself has its ring around what stands for it.
      const shown = [node, node.nextElementSibling, node.closest('label')].filter(Boolean).map((each) => getComputedStyle(each).outlineStyle);
      return shown.some((style) => style !== 'none');
    }, selector);
    if (ring === null) continue;
    check(ring, `the focus on ${selector} cannot be seen`);
    return;
  }
  throw new Error(`${selector} cannot be reached by ${key}`);
}

/** Takes the way past the head, which is the first stop. */
async function skipHead(page) {
  await page.keyboard.press('Tab');
  check((await page.evaluate(() => document.activeElement.className)) === 'skip', 'the first stop is not the way past the head');
  await page.keyboard.press('Enter');
  check((await page.evaluate(() => document.activeElement.id)) === 'main', 'the way past the head does not lead to the content');
}

export async function keyboard(seen) {
  const { page, options, job } = seen;
  const alone = await joined(seen);
  const dialogs = [];
  const opened = (dialog) => dialogs.push(dialog);
  page.on('filechooser', opened); // long before the key: the browser must have heard of it, or opens a dialog of its own
  try {
    await page.goto(`${options.page}/#/`);
    await page.reload();
    await page.locator('#jobs .job').first().waitFor();
    await skipHead(page);

    await tabTo(page, '#files');
    await page.keyboard.press('Enter');
    await (await until('the dialog opens', () => dialogs[0])).setFiles(options.inner);
    await page.locator('#uploads li', { hasText: 'inner.mp4' }).first().getByText('Open the job').waitFor();

    await tabTo(page, `#jobs a[href="#/jobs/${job}"]`);
    await page.keyboard.press('Enter');
    await page.locator('.plots .plot').first().waitFor();
    check((await page.evaluate(() => document.activeElement.id)) === 'main', 'the focus does not follow into the result');
    await tabTo(page, '.skip', 'Shift+Tab');
    await page.keyboard.press('Enter');
    check(page.url().endsWith(`#/jobs/${job}`), `the way past the head leads out of the result, to ${page.url()}`);
    await tabTo(page, '.player .screen');
    const paused = () => page.evaluate(() => document.querySelector('.player video').paused);
    if (!(await paused())) await page.keyboard.press(' ');
    await until('the video stands', paused);
    await page.keyboard.press(' ');
    await until('the space bar plays', async () => !(await paused()));
    await page.keyboard.press(' ');
    await until('the space bar pauses', paused);

    await page.getByLabel('Whose skeleton').waitFor();
    await tabTo(page, '.player select[aria-label="Whose skeleton"]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.getByText('Of person 7.').waitFor();

    await tabTo(page, '#detail a[href="#/"]', 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.locator('#jobs .job').first().waitFor();
    check(await page.locator('#home').isVisible(), 'the list is not shown again');
    check((await page.evaluate(() => document.activeElement.id)) === 'main', 'the focus is not back in the list');
  } finally {
    page.off('filechooser', opened);
    await alone();
  }
}
