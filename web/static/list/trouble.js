// Why a job failed, what to do about it, and the buttons for doing it.

import { cancelJob, isFinal, retryJob } from '../call/api.js';
import { announce, el, say } from '../dom/el.js';
import { timeOfDay } from '../dom/format.js';
import { has, language, t } from '../i18n/i18n.js';

/** Why a job failed, and what to do about it; null when it did not. */
export function failure(j) {
  if (!j.error || j.state === 'succeeded' || j.state === 'running') return null;
  const { finding, remedy } = parts(j);
  return el('div', { class: 'failure' },
    el('p', {}, el('strong', { text: inWords(j.error, 'title') }), ` (${j.error.kind})`),
    el('p', { class: 'finding', text: finding }),
    el('p', { text: advice(j, remedy) }));
}

/** The API says these in English; the dictionary has the kinds in other languages. */
export function inWords(error, what) {
  const key = `kind.${error.kind}.${what}`;
  return language() !== 'en' && has(key) ? t(key) : error[what];
}

/**
 * What was found, of the file by its name instead of its address, and what to
 * do. A message often ends with a remedy of its own, which knows more than the
 * kind's, in English.
 */
function parts({ error, name, source }) {
  const address = `s3://${source.bucket}/${source.key}: `;
  const at = error.message.indexOf(address);
  const message = at < 0 ? error.message : `${name}: ${error.message.slice(at + address.length)}`;
  const cut = message.lastIndexOf('. ');
  const last = message.slice(cut + 2);
  if (cut < 0 || !/^[A-Z]/.test(last)) return { finding: message, remedy: inWords(error, 'remedy') };
  return { finding: message.slice(0, cut + 1), remedy: language() === 'en' ? last : inWords(error, 'remedy') };
}

function advice(j, text) {
  if (j.state === 'failed' && j.due_at) text += ` ${t('failure.next', { time: timeOfDay(j.due_at) })}`;
  return text;
}

/** The buttons that a job in this state has. told is called with the answer. */
export function actions(j, told) {
  const act = (key, call, kind) => el('button', {
    type: 'button', class: kind, t: key, 'aria-label': `${t(key)}: ${j.name}`,
    onclick: async (event) => {
      const button = event.currentTarget;
      button.disabled = true;
      button.nextElementSibling?.remove();
      try {
        const answer = await call(j.id);
        announce(`${j.name}: ${t('action.asked')}`);
        if (call === retryJob) { say(button, t('action.asked')); return; } // the state changes when a worker has read it
        told(answer);
      } catch (err) {
        button.after(el('span', { class: 'bad-text', role: 'alert', text: err.message }));
        button.disabled = false;
      }
    },
  });
  if (!isFinal(j.state)) return [act('action.cancel', cancelJob, 'quiet')];
  if (j.state === 'dead' || j.state === 'cancelled') return [act('action.retry', retryJob, j.error?.permanent ? 'quiet' : '')];
  return [];
}
