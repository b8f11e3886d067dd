// A stream of events that breaks, or cannot be had, is told of: browsers do not
// connect again after an answer such as 401, 429 or 502.
import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.localStorage = { getItem: () => null };
const opened = [];
globalThis.EventSource = class extends EventTarget {
  closed = false;
  constructor(path) { super(); this.path = path; opened.push(this); }
  close() { this.closed = true; }
};
const { listen } = await import('./call/api.js');
const { JobList } = await import('./list/list.js');

test('who listens learns that the stream broke', () => {
  let broken = 0;
  listen('j1', () => {}, () => { broken++; });
  opened.at(-1).dispatchEvent(new Event('error'));
  assert.equal(broken, 1);
  assert(opened.at(-1).closed);
});

test('a row that was listened to goes by the list again', () => {
  const list = new JobList({ firstChild: null, insertBefore: () => {} });
  const shown = [];
  list.rows.set('j1', { node: null, update: (j) => shown.push(j.state) });
  const running = { id: 'j1', state: 'running' };
  list.show([running]);
  list.show([running]);
  assert.deepEqual(shown, ['running'], 'the stream tells');
  opened.at(-1).dispatchEvent(new Event('error'));
  list.show([{ id: 'j1', state: 'dead' }]);
  assert.deepEqual(shown, ['running', 'dead']);
});
