// <motion-player> in a page of another origin, with nothing but a share link's token.
import { check, until } from './check.mjs';

export async function embedded({ page, browser, options, job }) {
  await page.getByRole('button', { name: 'Copy the embed code' }).click();
  await page.getByText('Copied. Put it into').waitFor();
  const code = await page.evaluate(() => navigator.clipboard.readText());
  check(code.includes(`job="${job}"`) && code.includes(`src="${options.page}/embed/motion-player.js"`) && /share="[^"]{20,}"/.test(code), `the code is ${code}`);

  const other = await browser.newContext({ viewport: { width: 800, height: 900 } });
  try {
    const guest = await other.newPage();
    const complaints = [];
    guest.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
    await guest.goto(`${options.elsewhere}/?${new URLSearchParams({ code })}`);
    await until('the skeleton is drawn elsewhere', () => guest.evaluate(() => {
      const canvas = document.querySelector('motion-player')?.shadowRoot?.querySelector('.screen canvas');
      if (!canvas?.width) return false;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); // It fails where the video may not be read.
      return data.some((value, i) => i % 4 === 3 && value === 255);
    })).catch(async (error) => { throw new Error(`${error.message}\n${await guest.evaluate(() => document.body.innerHTML + document.querySelector('motion-player')?.shadowRoot?.innerHTML)}\n${complaints.join('\n')}`); });
    await guest.evaluate(() => document.querySelector('motion-player').setAttribute('view', 'silhouette'));
    await until('the figure stands free elsewhere', () => guest.evaluate(() => {
      const canvas = document.querySelector('motion-player').shadowRoot.querySelector('.screen.clear canvas');
      if (!canvas?.width) return false;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const clear = data.filter((value, i) => i % 4 === 3 && value < 20).length;
      return clear > canvas.width * canvas.height * 0.3 && clear < canvas.width * canvas.height * 0.98;
    }));
    check(complaints.length === 0, `the browser complained elsewhere: ${complaints.join('\n')}`);

    // Once the link is ended, nobody sees anything by it.
    const token = code.match(/share="([^"]+)"/)[1];
    const asked = () => guest.evaluate(async (url) => (await fetch(url)).status, `${options.page}/v1/jobs/${job}?share=${token}`);
    check((await asked()) === 200, 'the link does not work');
    await page.getByText('Links that were given away').click();
    const given = page.locator('.links li');
    await given.first().waitFor();
    while (await given.count()) {
      const left = await given.count();
      await given.first().getByRole('button', { name: /^End this link/ }).click();
      await until('the link is gone from the list', async () => (await given.count()) === left - 1);
    }
    await page.getByText('The link has ended').waitFor();
    check((await asked()) === 401, `an ended link is answered ${await asked()}`);
  } finally {
    await other.close();
  }
}
