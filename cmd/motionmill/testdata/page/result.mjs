// The result: the skeleton in step with the picture, by HLS and by the file,
// and the plots beneath.
import { check, near, until } from './check.mjs';

/** Where each disc of frame n is in the video, in px from its left and upper edge. */
export const truth = (options, n) => options.discs.map(({ x, y, vx, vy }) => [x + vx * n, y + vy * n]);

/** Pauses at frame n and waits until that is what the player shows. */
export async function at(page, n, { rate, frames }) {
  await page.evaluate((time) => { document.querySelector('.player video').currentTime = time; }, (n + 0.5) / rate);
  await until(`frame ${n} is shown`, async () => (await page.locator('.player .bar .clock').innerText()).includes(`frame ${n + 1} of ${frames}`));
}

/** Finds in the page, near each place, the disc in the video's picture and the marker that was drawn on it. In canvas px. */
export function find([places, width, height]) {
  const canvas = document.querySelector('.player .screen canvas');
  const picture = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
  picture.getContext('2d').drawImage(document.querySelector('.player video'), 0, 0, canvas.width, canvas.height);
  const read = (from) => from.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const [drawn, plain] = [read(canvas), read(picture)];
  const scale = canvas.width / width;
  const centre = (x, y, reach, holds) => {
    let [sumX, sumY, count] = [0, 0, 0];
    for (let py = Math.round(y - reach); py <= y + reach; py++) {
      for (let px = Math.round(x - reach); px <= x + reach; px++) {
        if (!holds(4 * (py * canvas.width + px))) continue;
        sumX += px + 0.5; sumY += py + 0.5; count++;
      }
    }
    return count > 10 ? [sumX / count, sumY / count, count] : null;
  };
  const grey = (i) => Math.max(plain[i], plain[i + 1], plain[i + 2]) - Math.min(plain[i], plain[i + 1], plain[i + 2]) < 110;
  const changed = (i) => Math.abs(drawn[i] - plain[i]) + Math.abs(drawn[i + 1] - plain[i + 1]) + Math.abs(drawn[i + 2] - plain[i + 2]) > 90;
  return places.map(([x, y]) => ({
    want: [x * scale, y * (canvas.height / height)],
    disc: centre(x * scale, y * scale, 20 * scale, (i) => !grey(i)),
    mark: centre(x * scale, y * scale, 20 * scale, changed),
  }));
}

async function inStep(page, n, options, how) {
  await at(page, n, options);
  const found = await page.evaluate(find, [truth(options, n), options.width, options.height]);
  let worst = 0;
  for (const [k, { want, disc, mark }] of found.entries()) {
    check(disc && mark, `${how}, frame ${n}: disc ${k} at ${want}: the picture has it at ${disc}, the marker is at ${mark}`);
    for (const [what, place] of [['the disc', disc], ['the marker', mark]]) {
      const off = Math.hypot(place[0] - want[0], place[1] - want[1]);
      worst = Math.max(worst, off);
      check(off <= 3, `${how}, frame ${n}: ${what} ${k} is at ${place}, ${off.toFixed(1)} px from ${want}`);
    }
  }
  return worst;
}

export async function result({ page, options, job }) {
  await page.goto(`${options.page}/#/jobs/${job}`);
  const rungs = page.getByLabel('Quality');
  await until('the ladder plays', async () => /Auto \(\d+p\)/.test(await rungs.innerText()));
  await page.locator('.plots .plot').first().waitFor();
  const worst = [];
  for (const n of [7, 16, 24]) worst.push(await inStep(page, n, options, 'HLS'));
  const heights = await rungs.locator('option').evaluateAll((all) => all.map((option) => option.value));
  check(heights.length >= 3 && heights[0] === 'auto' && heights.at(-1) === 'file', `the qualities are ${heights}`);
  await rungs.selectOption(heights[1]);
  await rungs.selectOption('file');
  await until('the file plays', () => page.evaluate(() => document.querySelector('.player video').currentSrc.includes('video.mp4')));
  for (const n of [33, 41]) worst.push(await inStep(page, n, options, 'file'));
  await rungs.selectOption('auto'); // at the end of the film, where there is nothing more to come
  await until('the ladder plays again', async () => /Auto \(\d+p\)/.test(await rungs.innerText()) && (await page.evaluate(() => document.querySelector('.player video').currentSrc.startsWith('blob:'))));
  worst.push(await inStep(page, options.frames - 2, options, 'HLS'));
  console.log(`the markers are within ${Math.max(...worst).toFixed(2)} px`);

  // The values beside the plots are those of the frame, from where the discs are.
  const [hip, knee, ankle] = truth(options, 41);
  const [u, v] = [[hip[0] - knee[0], hip[1] - knee[1]], [ankle[0] - knee[0], ankle[1] - knee[1]]];
  const angle = (Math.acos((u[0] * v[0] + u[1] * v[1]) / Math.hypot(...u) / Math.hypot(...v)) * 180) / Math.PI;
  await at(page, 41, options);
  const told = await page.locator('.values').innerText();
  near(Number(told.match(/Knee, left (\d+)°/)?.[1]), angle, 3, `the angle of the left knee in "${told}"`);

  // A click on a plot leads the video, and the cursors follow it.
  const plot = page.locator('.plot .u-over').first();
  const box = await plot.boundingBox();
  await plot.click({ position: { x: box.width / 2, y: box.height / 2 } });
  const middle = Math.round((options.frames - 1) / 2);
  await until('the plot leads', async () => Math.abs((await page.evaluate(() => document.querySelector('.player video').currentTime)) * options.rate - middle) < 4);
  await until('the cursor follows', () => page.evaluate(() => [...document.querySelectorAll('.plot .cursor')].every((cursor) => {
    const x = new DOMMatrix(getComputedStyle(cursor).transform).e / cursor.parentElement.clientWidth;
    return Math.abs(x - 0.5) < 0.08;
  })));

  // By the keyboard.
  await page.locator('.player .screen').first().focus();
  const before = await page.locator('.player .bar .clock').innerText();
  await page.keyboard.press('.');
  await until('a key steps on', async () => (await page.locator('.player .bar .clock').innerText()) !== before);

  // Every file can be saved.
  const links = await page.locator('.files a.button').evaluateAll((all) => all.map((a) => a.href));
  for (const name of ['video.mp4', 'pose.json.gz', 'silhouette.webm', 'manifest.json', 'hls/master.m3u8']) {
    check(links.some((href) => href.endsWith(`/files/${name}?download=true`)), `${name} cannot be saved: ${links}`);
  }
}
