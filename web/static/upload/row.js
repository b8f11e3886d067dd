// The lines of what is on its way: uploads, and imports from a link.

import { importState } from '../call/api.js';
import { announce, el, say } from '../dom/el.js';
import { bytes } from '../dom/format.js';
import { t } from '../i18n/i18n.js';
import { pause } from './transport.js';

/** A line with a name, a word on how it is, a bar and buttons. */
function line(name, total) {
  const state = el('span', { class: 'faint' });
  const bar = el('progress', { max: String(Math.max(1, total)), value: '0', 'aria-label': t('upload.of', { name }) });
  const buttons = el('span', { class: 'row' });
  const node = el('li', {}, el('div', { class: 'row spread' }, el('span', { class: 'title', text: name }), el('span', { class: 'row' }, state, buttons)), bar);
  return { node, state, bar, buttons };
}

const button = (key, name, onclick) => el('button', { type: 'button', class: 'quiet', t: key, 'aria-label': `${t(key)}: ${name}`, onclick });
const jobLink = (job) => el('a', { href: `#/jobs/${job}`, t: 'upload.open' });

/** A line that only says why a file is not taken. */
export function refusal(name, why) {
  return el('li', {}, el('div', { class: 'row spread' }, el('span', { class: 'title', text: name }), el('span', { class: 'bad-text', text: why })));
}

/** The line of an upload. make gives the upload for a callback; retry is called with nothing. */
export function uploadRow(file, make, queue, { retry, arrived }) {
  const { node, state, bar, buttons } = line(file.name, file.size);
  let shown = '';
  const words = (u) => t(u.state === 'offline' && u.error ? 'upload.later' : `upload.${u.state}`, { sent: bytes(u.sent), total: bytes(file.size), error: u.error });
  const update = (u) => {
    bar.value = u.sent;
    bar.hidden = !u.underWay;
    state.className = u.state === 'failed' ? 'bad-text' : 'faint';
    say(state, u.state === 'received' && u.job ? t('upload.arrived') : words(u));
    const key = `${u.state} ${u.job}`;
    if (key === shown) return; // buttons keep the focus as long as nothing has changed
    shown = key;
    node.dataset.state = u.state;
    const focused = buttons.contains(document.activeElement);
    buttons.replaceChildren(...controls(u));
    if (focused) buttons.querySelector('button, a')?.focus();
    if (['paused', 'offline', 'received', 'failed'].includes(u.state)) announce(`${file.name}: ${state.textContent}`);
    if (u.job) arrived(u.job);
  };
  const controls = (u) => {
    if (u.job) return [jobLink(u.job)];
    const list = [];
    if (u.state === 'sending' || u.state === 'waiting') list.push(button('upload.pause', file.name, () => u.pause()));
    if (u.state === 'paused' || u.state === 'offline') list.push(button('upload.resume', file.name, () => queue.resume(u)));
    if (u.underWay) list.push(button('upload.stop', file.name, () => u.stop()));
    if (u.state === 'failed' || u.state === 'aborted') list.push(button('upload.again', file.name, () => { node.remove(); retry(); }));
    return list;
  };
  const upload = make(update);
  update(upload);
  return { node, upload, say: () => { shown = ''; update(upload); } };
}

/** The line of an import; it asks for its state until that is final. */
export function importRow(begun, { arrived, retry }) {
  const name = decodeURIComponent((begun.key ?? begun.id).split('/').pop());
  const { node, state, bar, buttons } = line(name, 1);
  bar.removeAttribute('value');
  const update = (now) => {
    bar.hidden = now.state === 'received' || now.state === 'failed';
    if (now.total > 0) { bar.max = now.total; bar.value = now.bytes ?? 0; }
    state.className = now.state === 'failed' ? 'bad-text' : 'faint';
    say(state, t(`import.${now.state}`, { bytes: bytes(now.bytes ?? 0), error: now.error?.message ?? '' }));
    node.dataset.state = now.state;
  };
  update(begun);
  const follow = async () => {
    for (let wait = 500; ; wait = Math.min(wait * 1.3, 3000)) {
      await pause(wait);
      let now;
      try { now = await importState(begun.id); } catch (err) { if (err.status === 404) return; continue; } // asked again soon
      update(now);
      if (now.state === 'failed') { announce(`${name}: ${state.textContent}`); buttons.replaceChildren(button('upload.again', name, () => { node.remove(); retry(); })); return; }
      if (now.job) { announce(`${name}: ${state.textContent}`); buttons.replaceChildren(jobLink(now.job)); arrived(now.job); return; }
    }
  };
  follow();
  return node;
}

/** The line of an upload that a reload or a closed browser broke off. again is called to choose the file, drop to throw it away. */
export function unfinishedRow(mark, { again, drop }) {
  const { node, state, bar, buttons } = line(mark.name, mark.size);
  bar.value = mark.sent;
  node.dataset.state = 'unfinished';
  say(state, t('upload.unfinished', { sent: bytes(mark.sent), total: bytes(mark.size) }));
  buttons.append(button('upload.choose', mark.name, again), button('upload.discard', mark.name, () => { node.remove(); drop(); }));
  return node;
}
