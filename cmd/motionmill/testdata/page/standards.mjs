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

/** Nothing is wider than the screen, nor sticks out of it where it is not meant to be scrolled or cut. */
async function fits(page, where) {
  const [has, wide, out] = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const cut = (node) => node && (getComputedStyle(node).overflowX !== 'visible' || cut(node.parentElement));
    const out = [...document.querySelectorAll('body *')].filter((node) => {
      const { left, right, width: own } = node.getBoundingClientRect();
      return own > 1 && (right > width + 1 || left < -1) && !cut(node.parentElement) && !node.matches('.skip');
    });
    return [document.documentElement.scrollWidth, width, out.map((node) => node.outerHTML.slice(0, 120))];
  });
  check(has <= wide, `${where}: the page is ${has} px wide on a screen of ${wide}`);
  check(out.length === 0, `${where}: these stick out: ${out.slice(0, 3)}`);
}

/** Nothing moves by itself, and nothing glides. */
async function still(page, where) {
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].flatMap((node) => ['', '::before'].map((part) => [node, getComputedStyle(node, part)]))
    .filter(([, { animationName, transitionDuration }]) => animationName !== 'none' || /[1-9]/.test(transitionDuration)).map(([node]) => node.outerHTML.slice(0, 120)));
  check(moving.length === 0, `${where}: with reduced motion these move: ${moving.slice(0, 3)}`);
}

export async function accessible({ page, axe, options, job }) {
  await shot(page, 'result');
  await audit(page, axe, 'the result');
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await until('the plots are as narrow', () => page.evaluate(() => [...document.querySelectorAll('.plot .uplot')].every((plot) => plot.clientWidth <= 360)));
  await fits(page, 'the result on a phone');
  await still(page, 'the result');
  await shot(page, 'result-phone-dark');
  await audit(page, axe, 'the result on a phone in the dark');

  await page.getByLabel('Language').selectOption('ko');
  await page.getByRole('heading', { name: '실루엣' }).waitFor();
  await page.locator('.plots .plot').first().waitFor();
  await page.getByText('내보낸 링크').click();
  await fits(page, 'the result on a phone in Korean');
  await shot(page, 'result-phone-dark-ko');
  await page.goto(`${options.page}/#/`);
  await page.getByRole('heading', { name: '움직이는 사람의 동영상을 올리세요' }).waitFor();
  await page.locator('#jobs .job').first().waitFor();
  check((await page.evaluate(() => document.documentElement.lang)) === 'ko', 'the language is not said');
  check(/동영상 파일이 아닙니다/.test(await page.locator('#jobs').innerText()), 'the failure is not told in Korean');
  await fits(page, 'the list on a phone');
  await still(page, 'the list');
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
