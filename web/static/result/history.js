// What happened to a job before: its attempts, and the last words of a program.

import { el } from '../dom/el.js';
import { moment } from '../dom/format.js';
import { has, t } from '../i18n/i18n.js';
import { inWords } from '../list/trouble.js';

/** The end of what the program that failed said; null when there is none. */
export function lastLines(j) {
  const lines = j.state === 'dead' || j.state === 'failed' ? j.error?.stderr : null;
  if (!lines?.length) return null;
  return el('details', {}, el('summary', { text: t('history.stderr') }), el('pre', { tabindex: '0', text: lines.join('\n') }));
}

/** A card with all attempts, where there is more to tell than that the first one worked. */
export function attempts(j) {
  if (j.history.length === 0 || (j.history.length === 1 && j.state === 'succeeded')) return null;
  return el('details', { class: 'card' }, el('summary', { text: t('history.title', { n: j.history.length }) }),
    el('ol', { class: 'attempts' }, ...j.history.map((h) => el('li', {},
      el('span', { text: [outcome(h), times(h), h.worker].join(' · ') }),
      h.error ? el('p', { class: 'faint finding', text: `${inWords(h.error, 'title')}: ${h.error.message}` }) : null))));
}

function outcome(h) {
  const key = `outcome.${h.outcome || 'running'}`;
  return has(key) ? t(key) : h.outcome;
}

function times(h) {
  return h.ended_at ? t('history.times', { from: moment(h.started_at), to: moment(h.ended_at) }) : moment(h.started_at);
}
