// Uses the page as people do, in one browser: signs in, uploads, follows the
// job, looks at the result, breaks an upload off and goes on with it. Each step
// fails with an Error that says what was found; the others are tried all the same.
import { embedded } from './embedded.mjs';
import { dropped } from './folder.mjs';
import { keyboard } from './keyboard.mjs';
import { goesOn } from './network.mjs';
import { people } from './people.mjs';
import { result } from './result.mjs';
import { accessible } from './standards.mjs';
import { silhouette } from './silhouette.mjs';
import { shot, uploads } from './home.mjs';

export default async function run({ launch, axe, options }) {
  const browser = await launch(['--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${options.camera}`]);
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', permissions: ['camera', 'clipboard-read', 'clipboard-write'] });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    // Lost connections are a part of the test, and a 401 is how the page learns that it must sign in.
    if (message.type() === 'error' && !/ERR_INTERNET_DISCONNECTED|status of (401|403|409)/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(`${error.stack ?? error}`));
  page.on('dialog', (dialog) => dialog.accept());
  const seen = { page, context, browser, axe, options };
  const failures = [];
  try {
    for (const [name, step] of Object.entries({ uploads, result, people, silhouette, accessible, embedded, keyboard, dropped, goesOn })) {
      const began = Date.now();
      try {
        await step(seen);
      } catch (error) {
        await shot(page, `failed-${name}`);
        failures.push(`${name}: ${error.stack}\nthe page shows: ${(await page.locator('body').innerText().catch(() => '')).slice(0, 800)}`);
      }
      console.log(`${name}: ${Date.now() - began} ms`);
      if (!seen.job) break; // without a result there is nothing more to see
    }
  } finally {
    await browser.close();
  }
  if (complaints.length > 0) failures.push(`the browser complained:\n${complaints.join('\n')}`);
  if (failures.length > 0) {
    console.log(failures.join('\n\n'));
    process.exitCode = 1;
  }
}
