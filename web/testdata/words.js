// Both dictionaries say the same things, and everything the page says is in them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import en from './i18n/en.js';
import { language, speak, t } from './i18n/i18n.js';
import ko from './i18n/ko.js';

const slots = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

test('the same keys with the same slots', () => {
  assert.deepEqual(Object.keys(ko).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en)) assert.deepEqual(slots(ko[key]), slots(en[key]), key);
});

test('nothing is left in the other language', () => {
  const same = Object.keys(en).filter((key) => en[key] === ko[key] && /[a-z]/i.test(en[key].replace(/\{\w+\}/g, '')));
  assert.deepEqual(same, []);
  for (const [key, text] of Object.entries(ko)) if (/[a-z]/i.test(text.replace(/\{\w+\}/g, ''))) assert.match(text, /[가-힣]/, key);
});

test('every key that is used is there', () => {
  const root = import.meta.dirname;
  const files = fs.readdirSync(root, { recursive: true })
    .filter((name) => /\.(js|html)$/.test(name) && !/^(vendor|i18n)\b/.test(name) && (name.includes('/') || /^(app|index)\./.test(name)));
  let used = 0;
  for (const name of files) {
    const text = fs.readFileSync(path.join(root, name), 'utf8');
    const keys = text.matchAll(/\bt\('([\w./]+)'|\bt(?:Label)?: '([\w./]+)'|data-t(?:-label|-placeholder)?="([\w./]+)"|\b(?:button|act|add)\('(\w+\.[\w./]+)'/g);
    for (const match of keys) {
      used++;
      assert(match.slice(1).find(Boolean) in en, `${name} says ${match[0]}`);
    }
  }
  assert(used > 100, `only ${used} were found`);
});

test('speaking', () => {
  speak('ko-KR', false);
  assert.equal(language(), 'ko');
  assert.equal(t('delay.seconds', { n: '0.5' }), '0.5초');
  speak('fr', false);
  assert.equal(t('delay.seconds', { n: '0.5' }), '0.5 s');
  assert.equal(t('no.such.key'), 'no.such.key');
});
