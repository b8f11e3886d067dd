// Handing a result on: a link for people, and a snippet that puts the player
// into another page.

import { shareJob } from '../call/api.js';
import { el, say } from '../dom/el.js';
import { moment } from '../dom/format.js';
import { t } from '../i18n/i18n.js';
import { Links } from './links.js';

const month = 30 * 86_400; // seconds

/** The markup that shows a job in another page. view: as of <motion-player>. */
export function snippet(origin, job, view, token) {
  const share = token ? ` share="${token}"` : '';
  return `<script type="module" src="${origin}/embed/motion-player.js"></script>\n<motion-player job="${job}" view="${view}"${share}></motion-player>`;
}

/** A card with both. */
export function sharing(j) {
  const has = (path) => j.outputs.some((out) => out.path === path);
  const views = [['skeleton', has('pose.json.gz')], ['plain', has('video.mp4') || has('hls/master.m3u8')], ['silhouette', has('silhouette.webm') || has('silhouette.mp4')]]
    .filter(([, there]) => there).map(([view]) => view);
  const view = el('select', { 'aria-label': t('share.view') }, ...views.map((v) => el('option', { value: v, text: t(`view.${v}`) })));
  const text = el('textarea', { readonly: true, rows: '3', spellcheck: 'false', 'aria-label': t('share.code'), hidden: true });
  const told = el('p', { class: 'faint', role: 'status' });
  const links = new Links(j.id);

  const give = async (words, make) => {
    try {
      let token = null;
      try { token = await shareJob(j.id, month); } catch (err) { if (err.status !== 409) throw err; } // 409: nobody signs in here, so none is needed
      text.value = make(token);
      text.hidden = false;
      text.rows = text.value.includes('\n') ? 3 : 2;
      const until = token ? ` ${t('share.until', { time: moment(token.expires_at) })}` : '';
      say(told, (await copied(text) ? t(words) : t('share.select')) + until);
      links.refresh();
    } catch (err) {
      say(told, err.message);
    }
  };
  const embed = el('button', { type: 'button', class: 'quiet', text: t('share.embed'), onclick: () => give('share.copied', (token) => snippet(location.origin, j.id, view.value, token?.token)) });
  const link = el('button', { type: 'button', class: 'quiet', text: t('share.link'), onclick: () => give('share.linked', (token) => token?.url ?? location.href) });
  return el('section', { class: 'card share' }, el('h2', { text: t('share.title') }),
    el('div', { class: 'row wrap' }, link, views.length > 0 ? embed : null, views.length > 1 ? view : null), text, told, links.node);
}

/** Copies a field's text; where that is not allowed it is selected, for the reader to copy. */
async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.select();
    return false;
  }
}
