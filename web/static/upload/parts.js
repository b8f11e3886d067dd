// A large file in parts: what has arrived already is asked for, the rest is
// sent two parts at a time, and addresses that run out are signed anew.

import { call } from '../call/api.js';
import { again, put } from './transport.js';

const partsAtOnce = 2; // A browser has few connections to one origin.
const freshFor = 60_000; // how long a part's address must still be good, in ms
const signAtOnce = 200;

/** The receipts of the parts that the store has, by number. */
async function arrived(up) {
  const have = new Map();
  let cursor = '';
  do {
    const page = await call('GET', `${up.parts_url}&cursor=${encodeURIComponent(cursor || '0')}`);
    for (const part of page.parts) {
      if (up.parts[part.number - 1]?.bytes === part.bytes) have.set(part.number, part.etag);
    }
    cursor = page.cursor;
  } while (cursor);
  return have;
}

/** Hands out the addresses of parts, signed anew in time. */
class Addresses {
  constructor(up) {
    this.up = up;
    this.parts = [...up.parts];
    this.expires = Date.parse(up.expires_at);
    this.signing = null;
  }

  async of(i) {
    if (this.expires - Date.now() < freshFor) this.parts = this.up.parts.map(({ number, bytes }) => ({ number, bytes }));
    while (!this.parts[i].url) {
      this.signing ??= this.sign(i).finally(() => { this.signing = null; });
      await this.signing;
    }
    return this.parts[i];
  }

  async sign(from) {
    const wanted = this.parts.slice(from, from + signAtOnce).map(({ number, bytes }) => ({ number, bytes }));
    const fresh = await call('POST', this.up.parts_url, { parts: wanted });
    for (const part of fresh.parts) this.parts[part.number - 1] = part;
    this.expires = Date.parse(fresh.expires_at);
  }
}

/**
 * Sends the parts of up that have not arrived and ends the upload. begun tells
 * that some may have. onSent gets the bytes that are there.
 */
export async function sendParts(file, up, { begun, signal, onSent }) {
  const have = begun ? await again(() => arrived(up), signal) : new Map();
  const addresses = new Addresses(up);
  const sent = up.parts.map((part) => (have.has(part.number) ? part.bytes : 0));
  const done = up.parts.map(({ number }) => ({ number, etag: have.get(number) }));
  const tell = () => onSent(sent.reduce((a, b) => a + b, 0));
  const offsets = [];
  up.parts.reduce((at, part, i) => { offsets[i] = at; return at + part.bytes; }, 0);
  tell();
  const left = up.parts.map((_, i) => i).filter((i) => !done[i].etag);
  const lane = async () => {
    for (let i = left.shift(); i !== undefined; i = left.shift()) {
      await again(async () => {
        const blob = file.slice(offsets[i], offsets[i] + up.parts[i].bytes);
        const { url, headers } = await addresses.of(i);
        done[i].etag = await put({ url, method: up.method, headers }, blob, signal, (n) => { sent[i] = n; tell(); });
      }, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(partsAtOnce, left.length) }, lane));
  await again(() => call('POST', up.complete_url, { parts: done }), signal);
}
