// The words of the page: a dictionary for each language. The language is what
// was chosen here before, else the first of the browser's that there is.

import en from './en.js';
import ko from './ko.js';

const dictionaries = { en, ko };
const kept = 'motionmill.language';
const stored = () => { try { return localStorage.getItem(kept); } catch { return null; } }; // Storage may be switched off.

/** The languages that there are, each by its own name. */
export const languages = [['en', 'English'], ['ko', '한국어']];

const known = (code) => (code && dictionaries[code.slice(0, 2)] ? code.slice(0, 2) : '');
const preferred = () => [stored(), ...(globalThis.navigator?.languages ?? [])].map(known).find(Boolean) ?? 'en';

let current = preferred();

/** The code of the language that is spoken now. */
export const language = () => current;

/** Speaks another language from now on; keep it for the next visit as well. */
export function speak(code, keep = true) {
  current = known(code) || 'en';
  if (!keep) return;
  try { localStorage.setItem(kept, current); } catch { /* it holds for this visit */ }
}

/** The words for a key; {name} in them is replaced by values.name. */
export function t(key, values = {}) {
  const text = dictionaries[current][key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Whether the dictionary has words for a key. */
export const has = (key) => key in en;
