// How a result was made, from its manifest.

import { el } from '../dom/el.js';
import { clock, moment } from '../dom/format.js';
import { t } from '../i18n/i18n.js';

/** A card with source, models, steps and tools. */
export function howItWasMade(m) {
  const facts = [];
  const fact = (name, value) => { if (value) facts.push(el('dt', { text: name }), el('dd', { text: value })); };
  const input = m.input ?? {};
  fact(t('made.source'), [input.width && `${input.width}×${input.height}`, input.frame_rate && t('made.rate', { n: rate(input.frame_rate) }),
    input.duration_s && clock(input.duration_s), Array.isArray(input.codecs) ? input.codecs.join(', ') : input.codecs, input.container]
    .filter((part) => typeof part === 'string' && part).join(' · '));
  for (const model of m.models ?? []) fact(t('made.model'), [model.name, model.family, model.provider && t('made.on', { provider: model.provider })].filter(Boolean).join(' · '));
  for (const step of m.steps ?? []) fact(step.name, [`${step.seconds.toFixed(1)} s`, step.frames && t('made.frames', { n: step.frames })].filter(Boolean).join(' · '));
  fact(t('made.tools'), Object.entries(m.tools ?? {}).map(([tool, version]) => `${tool} ${version}`).join(' · '));
  fact(t('made.finished'), moment(m.finished_at));
  fact(t('made.hash'), m.source?.sha256);
  return el('details', { class: 'card' }, el('summary', { text: t('made.title') }), el('dl', {}, ...facts));
}

function rate(value) {
  if (typeof value === 'string') {
    const [a, b] = value.split('/').map(Number);
    return b ? String(Math.round((100 * a) / b) / 100) : value;
  }
  return String(Math.round(100 * value) / 100);
}
