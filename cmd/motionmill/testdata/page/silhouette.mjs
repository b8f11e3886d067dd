// The silhouette: over the checkerboard, over a picture, and over the viewer's
// camera, whose left half is blue and whose right half is yellow.
import { check, near, until } from './check.mjs';
import { at } from './result.mjs';

/** Reads the scene's canvas: a pixel near each upper corner, and what is neither of the background's colours. */
function look() {
  const canvas = document.querySelector('.silhouette canvas');
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const pixel = (x, y) => [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 4)];
  const blue = (i) => data[i + 2] > 130 && data[i] < 90;
  const yellow = (i) => data[i] > 130 && data[i + 1] > 110 && data[i + 2] < 90;
  let [sumX, sumY, count, left] = [0, 0, 0, width];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = 4 * (y * width + x);
      // The seam of the two colours is not the figure.
      if (data[i + 3] < 128 || blue(i) || yellow(i) || Math.abs(x - width / 2) < width / 40) continue;
      sumX += x; sumY += y; count++;
      left = Math.min(left, x);
    }
  }
  return { width, height, corners: [pixel(4, 4), pixel(width - 5, 4)], count, x: sumX / count / width, y: sumY / count / height, part: count / (width * height) };
}

const isBlue = ([r, , b, a]) => a === 255 && b > 130 && r < 90;
const isYellow = ([r, g, b, a]) => a === 255 && r > 130 && g > 110 && b < 90;

export async function silhouette({ page, options }) {
  await at(page, 30, options);
  const now = () => page.evaluate(look);
  const plain = await until('a figure is shown', async () => { const seen = await now(); return seen.count > 0 && seen; });
  check(plain.corners[0][3] === 0 && plain.corners[1][3] === 0, `the checkerboard is covered: ${plain.corners}`);
  check(plain.part > 0.02 && plain.part < 0.6, `the figure takes ${plain.part} of the picture`);

  await page.getByText('Your camera').click();
  const over = await until('the camera is behind the figure', async () => { const seen = await now(); return seen.corners[0][3] === 255 && seen; });
  check(isYellow(over.corners[0]) && isBlue(over.corners[1]), `the camera is not mirrored: ${JSON.stringify(over.corners)}`);
  check(over.count > 500, `no figure is seen over the camera: ${over.count} px`);
  await page.getByLabel('Mirror the camera').uncheck();
  await until('the camera is not mirrored', async () => { const { corners } = await now(); return isBlue(corners[0]) && isYellow(corners[1]); });

  // Moved and scaled by the keyboard and by hand.
  const stood = await now();
  await page.locator('.silhouette canvas').focus();
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Shift+ArrowRight');
  near((await now()).x - stood.x, 0.2, 0.05, 'two keys move the figure by a fifth');
  const box = await page.locator('.silhouette canvas').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2, { steps: 3 });
  await page.mouse.up();
  near((await now()).x - stood.x, 0, 0.05, 'the hand brings it back');
  await page.keyboard.press('0');
  await page.getByLabel('Size', { exact: true }).fill('0.5');
  near((await now()).count / stood.count, 0.25, 0.1, 'half the size is a quarter of the area');
  await page.getByRole('button', { name: 'Back to the middle' }).click();

  await page.getByLabel('Behind the video').fill('0.4');
  await until('the figure is behind the video', () => page.evaluate(() => {
    const [video, figure] = [document.querySelector('.player video'), document.querySelector('.silhouette video')];
    return Math.abs(video.currentTime - figure.currentTime - 0.4) < 0.02;
  }));
  await page.getByLabel('Behind the video').fill('0');

  const chooser = page.waitForEvent('filechooser');
  await page.getByText('Picture', { exact: true }).click();
  await (await chooser).setFiles(options.picture);
  const picture = await until('the picture is behind the figure', async () => { const seen = await now(); return isBlue(seen.corners[0]) && isBlue(seen.corners[1]) && seen; });
  check(picture.count > 500, 'no figure is seen over the picture');
  check(await page.evaluate(() => document.querySelectorAll('.silhouette video').length === 1), 'a video was left over');
  await page.getByText('Checkerboard').click();
}
