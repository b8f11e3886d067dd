// An upload that is under way in one tab is not offered as broken off in another.
import assert from 'node:assert/strict';
import test from 'node:test';

const kept = new Map();
globalThis.localStorage = new Proxy({
  getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key),
}, { ownKeys: () => [...kept.keys()], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }) });
const held = new Map();
Object.defineProperty(globalThis, 'navigator', { value: { locks: {
  request: async (name, options, work) => { held.set(name, (held.get(name) ?? 0) + 1); await work(); held.set(name, held.get(name) - 1); },
  query: async () => ({ held: [...held].filter(([, n]) => n > 0).map(([name]) => ({ name })) }),
} } });

const { brokenOff, note } = await import('./upload/bookmarks.js');
const { Upload } = await import('./upload/upload.js');
const file = { name: 'a.mp4', size: 25, lastModified: 7 };

test('only what no tab is at was broken off', async () => {
  note(file, 'pose', { id: 'u', parts: [{ number: 1, bytes: 25 }] }, 10);
  assert.equal((await brokenOff()).length, 1);
  const upload = new Upload(file, 'pose', () => {});
  for (const state of ['sending', 'paused', 'offline']) {
    upload.set({ state });
    assert.equal((await brokenOff()).length, 0, state);
  }
  upload.set({ state: 'failed' });
  await Promise.resolve();
  assert.equal((await brokenOff()).length, 1);
});
