// Numbers and times in words, in the language of the page.

import { language, t } from '../i18n/i18n.js';

/** Bytes for people: 1.4 MB. */
export function bytes(n) {
  if (!n) return n === 0 ? t('bytes.none') : '';
  const units = [t('bytes.unit'), 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) { n /= 1000; i++; }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

/** Seconds for people: 0:07, 12:30, 1:02:03. */
export function clock(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** A rough rest of time: about 40 s, about 3 min. */
export function rest(seconds) {
  if (!(seconds > 0)) return '';
  if (seconds < 90) return t('rest.seconds', { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return t('rest.minutes', { n: Math.round(seconds / 60) });
  return t('rest.hours', { n: (seconds / 3600).toFixed(1) });
}

/** How long ago a time was. */
export function ago(iso) {
  if (!iso) return '';
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (seconds < 60) return t('ago.now');
  if (seconds < 3600) return t('ago.minutes', { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return t('ago.hours', { n: Math.floor(seconds / 3600) });
  return new Date(iso).toLocaleDateString(language(), { dateStyle: 'medium' });
}

/** A time in full, in the viewer's own zone. */
export function moment(iso) {
  return iso ? new Date(iso).toLocaleString(language(), { dateStyle: 'medium', timeStyle: 'medium' }) : '';
}

/** A time of the day, in the viewer's own zone. */
export function timeOfDay(iso) {
  return new Date(iso).toLocaleTimeString(language());
}
