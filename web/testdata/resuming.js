// An upload in parts that was begun before sends only what is missing.
import assert from 'node:assert/strict';
import test from 'node:test';

const kept = new Map();
globalThis.localStorage = new Proxy({
  getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key),
}, { ownKeys: () => [...kept.keys()], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }) });

const { find, forget, note, noteOf, unfinished } = await import('./upload/bookmarks.js');
const { sendParts } = await import('./upload/parts.js');

const file = { name: 'a|b.mp4', size: 25, lastModified: 7, slice: (from, to) => ({ size: to - from }) };
const up = {
  id: 'u', method: 'PUT', parts_url: '/p?upload=1', complete_url: '/c', expires_at: new Date(Date.now() + 900_000).toISOString(),
  parts: [1, 2, 3].map((number) => ({ number, bytes: number < 3 ? 10 : 5, url: `/store/${number}` })),
};

test('notes hold no addresses and know the file', () => {
  note(file, 'pose', up, 10);
  assert(![...kept.values()].join('').includes('/store/'));
  assert.equal(noteOf(file).sent, 10);
  assert.equal(noteOf({ ...file, lastModified: 8 }), undefined);
  assert.equal(find(file, 'trainer'), null);
  assert.equal(unfinished().length, 1);
});

test('what has arrived is not sent again', async () => {
  const calls = [];
  const answer = (body) => ({ ok: true, status: 200, text: async () => JSON.stringify(body) });
  globalThis.fetch = async (path, { body }) => {
    calls.push([path, body && JSON.parse(body)]);
    if (path.startsWith('/p?upload=1&cursor=')) return answer({ parts: [{ number: 1, bytes: 10, etag: '"one"' }, { number: 2, bytes: 9, etag: '"torn"' }] });
    if (path === '/p?upload=1') return answer({ parts: JSON.parse(body).parts.map((part) => ({ ...part, url: `/fresh/${part.number}` })), expires_at: up.expires_at });
    return answer({});
  };
  const sent = [];
  globalThis.XMLHttpRequest = class {
    upload = {};
    open(method, url) { this.url = url; }
    setRequestHeader() {}
    getResponseHeader() { return `"of ${this.url}"`; }
    send(body) { sent.push([this.url, body.size]); this.status = 200; queueMicrotask(() => this.onload()); }
  };
  let last = 0;
  await sendParts(file, find(file, 'pose'), { begun: true, signal: new AbortController().signal, onSent: (n) => { last = n; } });
  assert.deepEqual(sent.sort(), [['/fresh/2', 10], ['/fresh/3', 5]]);
  assert.equal(last, 25);
  assert.deepEqual(calls.at(-1), ['/c', { parts: [{ number: 1, etag: '"one"' }, { number: 2, etag: '"of /fresh/2"' }, { number: 3, etag: '"of /fresh/3"' }] }]);
  forget(file, 'pose');
  assert.equal(unfinished().length, 0);
});
