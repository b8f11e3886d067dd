// A job's state and progress in words, as the list and the view of one job show them.

import { el, say } from '../dom/el.js';
import { rest } from '../dom/format.js';
import { has, t } from '../i18n/i18n.js';

const stateName = (state) => (has(`state.${state}`) ? t(`state.${state}`) : state);

/** A step in words; one that the dictionary does not know by its own name. */
export const stepName = (step) => {
  if (!step) return t('step.claimed');
  return has(`step.${step}`) ? t(`step.${step}`) : step[0].toUpperCase() + step.slice(1);
};

export function pill(state) {
  return el('span', { class: `pill ${state}`, text: stateName(state) });
}

export function setPill(node, state) {
  node.className = `pill ${state}`;
  say(node, stateName(state));
}

/** Step, bar, speed and rest of a running job, kept up to date by update. */
export class ProgressLine {
  constructor() {
    this.step = el('span');
    this.bar = el('progress', { max: '1', tLabel: 'progress.label' });
    this.figures = el('span', { class: 'faint' });
    this.node = el('div', { class: 'progress' }, el('div', { class: 'row spread' }, this.step, this.figures), this.bar);
  }

  update(j) {
    this.node.hidden = j.state !== 'running';
    if (this.node.hidden) return;
    const p = j.progress;
    say(this.step, stepName(p.step) + (j.attempt > 1 ? t('progress.attempt', { n: j.attempt }) : ''));
    const part = p.fraction || (p.total > 0 ? Math.min(1, p.done / p.total) : 0); // of the attempt, else of the step
    if (part > 0 || p.total > 0) this.bar.value = part; else this.bar.removeAttribute('value');
    const figures = [];
    if (part > 0) figures.push(`${Math.floor(100 * part)} %`);
    if (p.fps > 0) figures.push(t('progress.fps', { n: p.fps.toFixed(p.fps < 10 ? 1 : 0) }));
    if (rest(p.eta_s)) figures.push(rest(p.eta_s));
    say(this.figures, figures.join(' · '));
  }
}
