// A result with several people. The stage's model sees one, so a second is put
// into the pose track on its way: the same discs, in the frames in reverse, and
// only in the first half.
import { gunzipSync, gzipSync } from 'node:zlib';
import { check, near, until } from './check.mjs';
import { at, find, truth } from './result.mjs';

const second = 7;

/** Has the page get a track with a second person from now on. */
export async function joined({ page, options, job }) {
  const track = `${options.page}/v1/jobs/${job}/files/pose.json.gz`;
  const pose = JSON.parse(gunzipSync(await (await page.request.get(track)).body()));
  const reversed = pose.frames.map((frame) => frame.people[0]).reverse();
  pose.frames.forEach((frame, i) => { if (i < options.frames / 2) frame.people.push({ ...reversed[i], id: second }); });
  await page.route(track, (route) => route.fulfill({ contentType: 'application/gzip', body: gzipSync(JSON.stringify(pose)) }));
  return () => page.unroute(track);
}

/** The angle at the left knee in frame n, from where the discs are, in degrees. */
function knee(options, n) {
  const [hip, at, ankle] = truth(options, n);
  const [u, v] = [[hip[0] - at[0], hip[1] - at[1]], [ankle[0] - at[0], ankle[1] - at[1]]];
  return (Math.acos((u[0] * v[0] + u[1] * v[1]) / Math.hypot(...u) / Math.hypot(...v)) * 180) / Math.PI;
}

/** How many of the places of frame n have a marker of their own. */
async function marked(page, options, n) {
  const found = await page.evaluate(find, [truth(options, n), options.width, options.height]);
  return found.filter(({ mark, want }) => mark && Math.hypot(mark[0] - want[0], mark[1] - want[1]) <= 3).length;
}

export async function people(seen) {
  const { page, options } = seen;
  const alone = await joined(seen);
  try {
    await page.reload();
    const who = page.getByLabel('Whose skeleton');
    await who.waitFor();
    const offered = await who.locator('option').allInnerTexts();
    check(offered.length === 3 && offered[0] === 'Everyone' && /^Person \d+ /.test(offered[1]) && offered[2].startsWith(`Person ${second} (`), `there are ${offered}`);
    const [n, mirror] = [4, options.frames - 1 - 4];
    await page.locator('.plots .plot').first().waitFor();
    await page.evaluate(() => document.querySelector('.player video').pause());
    await at(page, n, options);
    const told = async () => Number((await page.locator('.values').innerText()).match(/Knee, left (\d+)°/)?.[1]);
    near(await told(), knee(options, n), 3, 'of everyone, the angle is that of who is seen longest');
    await until('both are drawn', async () => (await marked(page, options, n)) + (await marked(page, options, mirror)) >= 10);

    await who.selectOption(String(second));
    await page.getByText(`Of person ${second}.`).waitFor();
    near(await told(), knee(options, mirror), 3, 'of the second person, the angle');
    check((await marked(page, options, n)) === 0, 'the first person is drawn as well');
    check((await marked(page, options, mirror)) >= 5, 'the second person is not drawn');
    await at(page, options.frames - 3, options);
    check(/Knee, left –/.test(await page.locator('.values').innerText()), `where the second person is not seen, it says ${await page.locator('.values').innerText()}`);

    const first = await who.locator('option').nth(1).getAttribute('value');
    await who.selectOption(first);
    await at(page, n, options);
    near(await told(), knee(options, n), 3, 'of the first person, the angle');
    check((await marked(page, options, mirror)) === 0, 'the second person is drawn as well');
  } finally {
    await alone();
    await page.reload();
    await page.locator('.plots .plot').first().waitFor();
  }
}
