// A session that ended is begun anew by its own user; for anybody else the page
// is loaded anew, so that they neither see nor go on with what was another's.
import assert from 'node:assert/strict';
import test from 'node:test';

class Node extends EventTarget {
  dataset = {};
  constructor(tag) { super(); this.tag = tag; made.push(this); }
  setAttribute() {}
  append() {}
  replaceChildren() {}
  showModal() {}
  remove() {}
  select() {}
}
const made = [];
globalThis.document = { createElement: (tag) => new Node(tag), getElementById: () => new Node('p'), body: new Node('body') };
globalThis.localStorage = { getItem: () => null };
Object.defineProperty(globalThis, 'navigator', { value: {} });
const went = [];
globalThis.location = { replace: (to) => went.push(to) };
const timers = [];
globalThis.setTimeout = (work, wait) => timers.push(wait);
let name = '';
const answers = { '/v1/auth/refresh': () => ({ ok: false }), '/v1/stage': () => ({ sign_in: 'password' }), '/v1/auth/login': () => ({ name, expires_at: new Date(0).toISOString() }) };
globalThis.fetch = async (path) => { const body = answers[path](); return { ok: true, ...body, json: async () => body }; };
const { signedIn } = await import('./call/signin.js');

/** Signs in where the page asks for it; tells whether calls go on. */
async function as(user) {
  name = user;
  const asked = signedIn();
  for (let i = 0; i < 20; i++) await Promise.resolve();
  made.findLast(({ tag }) => tag === 'form').dispatchEvent(new Event('submit', { cancelable: true }));
  return Promise.race([asked, new Promise((done) => { setImmediate(() => setImmediate(() => done('the page is left'))); })]);
}

test('the same user goes on, and another begins anew', async () => {
  assert.equal(await as('bob'), true);
  assert.equal(await as('bob'), true);
  assert.deepEqual(went, []);
  assert.equal(await as('eve'), 'the page is left');
  assert.deepEqual(went, ['/']);
});

test('a clock that is ahead does not have the session renewed all the time', () => {
  assert(timers.length >= 2 && timers.every((wait) => wait >= 30_000), `renewed after ${timers}`);
});
