// One file on its way, and the queue of them. The browser sends each file
// itself, to the address that the API signed for it.

import { call, createUpload, newKey, uploadState } from '../call/api.js';
import * as bookmarks from './bookmarks.js';
import { sendParts } from './parts.js';
import { again, passes, pause, put } from './transport.js';

const filesAtOnce = 2;
const retryAfter = 5000; // ms, doubled up to a minute, after the network was lost

/** state: waiting, sending, paused, offline, received, failed, aborted. error: why it failed, or waits offline though somebody answered. */
export class Upload {
  constructor(file, profile, changed) {
    Object.assign(this, { file, profile, changed });
    this.abort = new AbortController();
    this.key = newKey();
    this.wait = retryAfter;
    Object.assign(this, { state: 'waiting', sent: 0, error: '', job: '', up: bookmarks.find(file, profile) });
    this.begun = Boolean(this.up);
    this.ended = Promise.resolve(); // the last run
  }

  set(fields) {
    Object.assign(this, fields);
    if (!this.underWay) { this.letGo?.(); this.letGo = null; } else if (this.up?.parts) this.letGo ??= bookmarks.hold(this.file, this.profile);
    this.changed(this);
  }

  get underWay() { return ['waiting', 'sending', 'paused', 'offline'].includes(this.state); }

  /** Sends what is left; ends in received, failed, offline, or as pause and stop left it. */
  async run() {
    if (this.state !== 'waiting') return;
    this.abort = new AbortController();
    this.set({ state: 'sending', error: '' });
    try {
      await this.begin();
      if (this.up.parts) await this.inParts();
      else await this.whole();
    } catch (err) {
      if (this.state === 'sending') this.broken(err);
      if (this.state === 'aborted') this.discard(); // it was stopped while its address was asked for
      return;
    }
    bookmarks.forget(this.file, this.profile);
    this.set({ state: 'received', sent: this.file.size });
    this.waitForJob(); // not awaited: the next file may begin
  }

  /** Asks for an address, unless there is a good one. */
  async begin() {
    if (this.up && (this.up.parts || Date.parse(this.up.expires_at) - Date.now() > 60_000)) return;
    const about = { name: this.file.name, bytes: this.file.size, type: typeOf(this.file), profile: this.profile };
    if (this.up) this.key = newKey(); // what was answered under the old one has run out
    this.up = await again(() => createUpload(about, this.key), this.abort.signal);
    this.begun = false;
    if (this.up.parts) bookmarks.note(this.file, this.profile, this.up);
  }

  async inParts() {
    let noted = this.sent;
    const onSent = (sent) => {
      this.wait = retryAfter;
      if (sent - noted > this.file.size / 50) { noted = sent; bookmarks.note(this.file, this.profile, this.up, sent); }
      this.set({ sent });
    };
    const { begun } = this;
    this.begun = true;
    try {
      await sendParts(this.file, this.up, { begun, signal: this.abort.signal, onSent });
    } catch (err) {
      if (!begun || (err.status !== 410 && err.status !== 404)) throw err;
      bookmarks.forget(this.file, this.profile); // the store knows it no more: from the start
      Object.assign(this, { up: null, begun: false, key: newKey() });
      await this.begin();
      if (!this.up.parts) { await this.whole(); return; }
      this.begun = true;
      await sendParts(this.file, this.up, { begun: false, signal: this.abort.signal, onSent });
    }
  }

  async whole() {
    await again(async () => {
      try {
        await put(this.up, this.file, this.abort.signal, (sent) => this.set({ sent }));
      } catch (err) {
        // After a lost answer the store says that the object is there already.
        if (err.status === 412 && (await uploadState(this.up.id)).state === 'received') return;
        throw err;
      }
    }, this.abort.signal);
  }

  /** After a failure: goes on by itself where it may pass, else gives up. */
  broken(err) {
    this.abort.abort();
    if (passes(err)) { this.set({ state: 'offline', error: err.status ? err.message : '' }); return; }
    this.discard();
    this.set({ state: 'failed', error: err.message });
  }

  discard() {
    bookmarks.forget(this.file, this.profile);
    if (this.up?.abort_url) call('POST', this.up.abort_url).catch(() => {}); // parts that stay expire in the store
  }

  pause() {
    if (!['waiting', 'sending', 'offline'].includes(this.state)) return;
    this.set({ state: 'paused' });
    this.abort.abort();
  }

  stop() {
    if (!this.underWay) return;
    this.set({ state: 'aborted' });
    this.abort.abort();
    this.discard();
  }

  async waitForJob() {
    for (let wait = 300; ; wait = Math.min(wait * 1.5, 3000)) {
      await pause(wait);
      try {
        const { job } = await uploadState(this.up.id);
        if (job) { this.set({ job }); return; }
      } catch { /* asked again soon; the page says that the stage is away */ }
    }
  }
}

/** Runs uploads in the order they were added, two at a time. */
export class UploadQueue {
  constructor() {
    this.waiting = [];
    this.all = new Set();
    this.running = 0;
    globalThis.addEventListener('online', () => { for (const upload of this.all) if (upload.state === 'offline') this.resume(upload); });
  }

  /** Whether closing the page would break something off. */
  get busy() { return [...this.all].some((upload) => upload.underWay); }

  add(upload) {
    this.all.add(upload);
    this.waiting.push(upload);
    this.pump();
  }

  /** Goes on with one that is paused or without network. */
  resume(upload) {
    if (upload.state !== 'paused' && upload.state !== 'offline') return;
    upload.set({ state: 'waiting' });
    upload.ended.then(() => { // never twice at the same time
      this.waiting.push(upload);
      this.pump();
    });
  }

  pump() {
    while (this.running < filesAtOnce && this.waiting.length > 0) {
      const upload = this.waiting.shift();
      this.running++;
      upload.ended = upload.run().finally(() => { this.running--; this.later(upload); this.pump(); });
    }
  }

  /** An upload without network is tried again in a while, whatever the browser thinks of the network. */
  later(upload) {
    if (upload.state !== 'offline') return;
    setTimeout(() => { if (upload.state === 'offline') this.resume(upload); }, upload.wait);
    upload.wait = Math.min(2 * upload.wait, 60_000);
  }
}

function typeOf(file) {
  return file.type.startsWith('video/') ? file.type : 'application/octet-stream';
}
