// Uploads: the browser sends each file itself, to the address that the API
// signed for it. Two files at a time, two parts of a large one at a time, so
// that the few connections that a browser has to one origin are never all taken.

import { call, createUpload, uploadState } from './api.js';

const filesAtOnce = 2;
const partsAtOnce = 2;
const tries = 4;
const freshFor = 60_000; // how long a part's URL must still be good, in ms

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** One file on its way. state: waiting, sending, received, failed, aborted. */
export class Upload {
  constructor(file, profile, changed) {
    Object.assign(this, { file, profile, changed });
    this.state = 'waiting';
    this.sent = 0;
    this.error = '';
    this.job = '';
    this.abort = new AbortController();
  }

  set(fields) {
    Object.assign(this, fields);
    this.changed(this);
  }

  async run() {
    if (this.abort.signal.aborted) return;
    this.set({ state: 'sending', sent: 0, error: '' });
    let up;
    try {
      up = await createUpload({ name: this.file.name, bytes: this.file.size, type: typeOf(this.file), profile: this.profile });
      if (up.parts) await this.sendParts(up);
      else await this.sendWhole(up);
      this.set({ state: 'received', sent: this.file.size, id: up.id });
    } catch (err) {
      if (up?.abort_url) call('POST', up.abort_url).catch(() => {}); // parts that stay expire in the store
      if (this.abort.signal.aborted) this.set({ state: 'aborted' });
      else this.set({ state: 'failed', error: err.message });
      return;
    }
    this.waitForJob(); // not awaited: the next file may begin
  }

  async sendWhole(up) {
    await again(async (attempt) => {
      try {
        await put(up.url, up.method, up.headers, this.file, this.abort.signal, (sent) => this.set({ sent }));
      } catch (err) {
        // After a lost answer the store says that the object is there already.
        if (attempt > 1 && err.status === 412 && (await uploadState(up.id)).state === 'received') return;
        throw err;
      }
    }, this.abort.signal);
  }

  async sendParts(up) {
    const parts = [...up.parts];
    const sent = parts.map(() => 0);
    const done = [];
    const offsets = [];
    parts.reduce((at, part, i) => { offsets[i] = at; return at + part.bytes; }, 0);
    let expires = Date.parse(up.expires_at);
    let renewing = null;
    const current = async (i) => {
      if (expires - Date.now() < freshFor) {
        renewing ??= call('POST', up.parts_url, { parts: parts.map(({ number, bytes }) => ({ number, bytes })) }).then((fresh) => {
          for (const part of fresh.parts) parts[part.number - 1] = part;
          expires = Date.parse(fresh.expires_at);
        }).finally(() => { renewing = null; });
        await renewing;
      }
      return parts[i];
    };
    let next = 0;
    const lane = async () => {
      while (next < parts.length) {
        const i = next++;
        await again(async () => {
          const part = await current(i);
          const blob = this.file.slice(offsets[i], offsets[i] + part.bytes);
          const etag = await put(part.url, up.method, part.headers ?? {}, blob, this.abort.signal, (n) => {
            sent[i] = n;
            this.set({ sent: sent.reduce((a, b) => a + b, 0) });
          });
          done[i] = { number: part.number, etag };
        }, this.abort.signal);
      }
    };
    await Promise.all(Array.from({ length: Math.min(partsAtOnce, parts.length) }, lane));
    await again(() => call('POST', up.complete_url, { parts: done }), this.abort.signal);
  }

  async waitForJob() {
    for (let wait = 300; !this.abort.signal.aborted; wait = Math.min(wait * 1.5, 3000)) {
      await pause(wait);
      try {
        const { job } = await uploadState(this.id);
        if (job) { this.set({ job }); return; }
      } catch { /* asked again soon; the page says that the stage is away */ }
    }
  }

  stop() {
    this.abort.abort();
    if (this.state === 'waiting') this.set({ state: 'aborted' });
  }
}

/** Runs uploads in the order they were added. */
export class UploadQueue {
  constructor() {
    this.waiting = [];
    this.running = 0;
  }

  get busy() { return this.running > 0; }

  add(upload) {
    this.waiting.push(upload);
    this.pump();
  }

  pump() {
    while (this.running < filesAtOnce && this.waiting.length > 0) {
      const upload = this.waiting.shift();
      this.running++;
      upload.run().finally(() => { this.running--; this.pump(); });
    }
  }
}

function typeOf(file) {
  return file.type.startsWith('video/') ? file.type : 'application/octet-stream';
}

async function again(work, signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (err) {
      const passing = !err.status || err.status >= 500 || err.status === 408 || err.status === 429 || (err.status === 412 && attempt > 1);
      if (attempt === tries || !passing || signal.aborted) throw err;
      await pause(500 * 2 ** (attempt - 1));
    }
  }
}

/** Sends one body with progress and gives the ETag of the answer. */
function put(url, method, headers, body, signal, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (text, status = 0) => reject(Object.assign(new Error(text), { status }));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      if (request.status < 300) { onSent(body.size); resolve(request.getResponseHeader('ETag')); return; }
      fail(storeSays(request.status), request.status);
    };
    request.onerror = () => fail('The connection to the object store broke.');
    request.onabort = () => fail('Stopped.');
    signal.addEventListener('abort', () => request.abort(), { once: true });
    if (signal.aborted) request.abort(); else request.send(body);
  });
}

function storeSays(status) {
  if (status === 403) return 'The store refused the file: the permission to upload has expired or the file has changed. Try again.';
  if (status === 412) return 'There is a file under this name already. Try again.';
  if (status === 507) return 'The store is full.';
  return `The store answered ${status}.`;
}
