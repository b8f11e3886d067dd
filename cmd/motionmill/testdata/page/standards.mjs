// What holds on every view: nothing serious for axe, in the light and in the
// dark, as wide as a phone, and both languages.
import { check, until } from './check.mjs';
import { shot } from './home.mjs';

async function audit(page, axe, where) {
  await page.evaluate(axe);
  const serious = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document);
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary.split('\n')[1] ?? ''}`).join(' | ')}`);
  });
  check(serious.length === 0, `${where}: ${serious.join('\n')}`);
}

/** Nothing is wider than the screen. */
async function fits(page, where) {
  const [has, wide] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  check(has <= wide, `${where}: the page is ${has} px wide on a screen of ${wide}`);
}

export async function accessible({ page, axe, options, job }) {
  await shot(page, 'result');
  await audit(page, axe, 'the result');
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await until('the plots are as narrow', () => page.evaluate(() => [...document.querySelectorAll('.plot .uplot')].every((plot) => plot.clientWidth <= 360)));
  await fits(page, 'the result on a phone');
  await shot(page, 'result-phone-dark');
  await audit(page, axe, 'the result on a phone in the dark');

  await page.getByLabel('Language').selectOption('ko');
  await page.getByRole('heading', { name: '실루엣' }).waitFor();
  await page.goto(`${options.page}/#/`);
  await page.getByRole('heading', { name: '움직이는 사람의 동영상을 올리세요' }).waitFor();
  await page.locator('#jobs .job').first().waitFor();
  check((await page.evaluate(() => document.documentElement.lang)) === 'ko', 'the language is not said');
  check(/동영상 파일이 아닙니다/.test(await page.locator('#jobs').innerText()), 'the failure is not told in Korean');
  await fits(page, 'the list on a phone');
  await shot(page, 'list-phone-dark-ko');
  await audit(page, axe, 'the list on a phone in the dark in Korean');
  await page.reload();
  await page.getByRole('heading', { name: '작업', exact: true }).waitFor();
  await page.getByLabel('언어').selectOption('en');
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference' });
  await page.locator('#jobs .job').first().waitFor();
  await audit(page, axe, 'the list');
  await page.goto(`${options.page}/#/jobs/${job}`);
}
