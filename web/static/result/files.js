// The files of a result, for looking and for saving.

import { fileURL, saveURL } from '../call/files.js';
import { el } from '../dom/el.js';
import { bytes } from '../dom/format.js';
import { has, t } from '../i18n/i18n.js';

/** What a file is, in words, as far as its path tells. */
function what({ path, type, height, width }) {
  const key = `file.${path}`;
  if (has(key)) return t(key);
  const size = width && height ? `${width}×${height}` : '';
  return [type, size].filter(Boolean).join(' · ');
}

function row(id, file) {
  const { path } = file;
  return el('tr', {},
    el('td', {}, el('a', { href: fileURL(id, path), text: path, target: '_blank', rel: 'noopener' })),
    el('td', { class: 'faint wide', text: what(file) }),
    el('td', { class: 'number', text: bytes(file.bytes) }),
    el('td', {}, el('a', { class: 'button quiet', href: saveURL(id, path), text: t('files.save'), 'aria-label': `${t('files.save')}: ${path}` })));
}

function table(id, files) {
  return el('table', {}, el('thead', { class: 'unseen' }, el('tr', {}, ...['files.file', 'files.what', 'files.size', 'files.save'].map((key) => el('th', { scope: 'col', text: t(key) })))),
    el('tbody', {}, ...files.map((file) => row(id, file))));
}

/** A card with every file; the many small ones of the ladder are folded away. */
export function fileTable(j) {
  const inLadder = (out) => out.path.startsWith('hls/') && out.path !== 'hls/master.m3u8';
  const ladder = j.outputs.filter(inLadder);
  const folded = ladder.length > 0 ? el('details', {}, el('summary', { text: t('files.ladder', { n: ladder.length }) })) : null;
  folded?.addEventListener('toggle', () => { if (folded.open && folded.children.length === 1) folded.append(table(j.id, ladder)); });
  return el('section', { class: 'card files' }, el('h2', { text: t('files.title') }),
    table(j.id, [...j.outputs.filter((out) => !inLadder(out)), { path: 'manifest.json' }]), folded);
}
