// An upload that somebody put off says why, and does not blame the network.
import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.localStorage = { getItem: () => null, setItem: () => {}, removeItem: () => {} };
class Node extends EventTarget {
  dataset = {};
  children = [];
  setAttribute() {}
  append(...nodes) { this.children.push(...nodes); }
  replaceChildren(...nodes) { this.children = nodes; }
  contains() { return false; }
}
globalThis.document = { createElement: () => new Node(), getElementById: () => null };
const { Upload } = await import('./upload/upload.js');
const { uploadRow } = await import('./upload/row.js');

/** What the row says after a failure. */
const says = (failure) => {
  let upload;
  const row = uploadRow({ name: 'a.mp4', size: 5 }, (changed) => (upload = new Upload({ name: 'a.mp4', size: 5 }, 'pose', changed)), {}, {});
  upload.state = 'sending';
  upload.broken(failure);
  return row.node.children[0].children[1].children[0].textContent;
};

test('a quota is told', () => {
  assert.match(says(Object.assign(new Error('3 jobs are waiting, which is the quota.'), { status: 429 })), /^3 jobs are waiting, which is the quota\. /);
});

test('a network that is gone is told', () => {
  assert.match(says(Object.assign(new Error('The stage does not answer.'), { status: 0 })), /^No connection/);
});
