// The calls of the API. Every failure is an Error whose message is for people.

import { t } from '../i18n/i18n.js';
import { signedIn } from './signin.js';

/** An answer that says what is wrong (RFC 9457), or no answer at all (status 0). */
export class Problem extends Error {
  constructor(message, status, type) {
    super(message);
    this.status = status;
    this.type = type;
  }

  /** Whether the same call may well work in a while. */
  get passing() { return !this.status || this.status >= 500 || this.status === 408 || this.status === 429; }
}

/**
 * Makes one call and returns its JSON. Where it takes a sign-in, that comes
 * first. once is an Idempotency-Key: the call is then done once however often
 * it is made.
 */
export async function call(method, path, body, { once, again = true } = {}) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (once) headers['Idempotency-Key'] = once;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(t('stage.silent'), 0);
  }
  if (response.status === 401 && again && await signedIn()) return call(method, path, body, { once, again: false });
  const text = await response.text();
  let data = null;
  try { data = JSON.parse(text); } catch { /* not ours; the status tells */ }
  if (!response.ok) {
    throw new Problem(data?.detail || t('stage.status', { status: response.status }), response.status, data?.type);
  }
  return data;
}

/** A key that nobody has used before. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');

const at = (...names) => `/v1/${names.map(encodeURIComponent).join('/')}`;

export const stage = () => call('GET', '/v1/stage');
export const createUpload = (file, once) => call('POST', '/v1/uploads', file, { once });
export const uploadState = (id) => call('GET', at('uploads', id));
export const createImport = (what) => call('POST', '/v1/imports', what, { once: newKey() });
export const importState = (id) => call('GET', at('imports', id));
export const job = (id) => call('GET', at('jobs', id));
export const cancelJob = (id) => call('POST', at('jobs', id, 'cancel'));
export const retryJob = (id) => call('POST', at('jobs', id, 'retry'));
export const shareJob = (id, seconds) => call('POST', at('jobs', id, 'shares'), { expires_in_s: seconds });
export const shares = (id) => call('GET', at('jobs', id, 'shares'));
export const endShare = (id, link) => call('DELETE', at('jobs', id, 'shares', link));

/** A page of jobs, newest first; states and profile narrow it. */
export function jobs({ cursor = '', limit = 30, states = [], profile = '' } = {}) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (cursor) query.set('cursor', cursor);
  if (states.length > 0) query.set('state', states.join(','));
  if (profile) query.set('profile', profile);
  return call('GET', `/v1/jobs?${query}`);
}

const finals = new Set(['succeeded', 'dead', 'cancelled', 'superseded']);
export const isFinal = (state) => finals.has(state);

/**
 * Listens to a job until it is final; onJob gets the job at each change. When
 * the stream ends before, or cannot be had, that ends it and onBroken is
 * called: a browser connects again only after some failures, and tells of none.
 * Returns a function that ends it.
 */
export function listen(id, onJob, onBroken) {
  const source = new EventSource(at('jobs', id, 'events'));
  source.addEventListener('error', () => { source.close(); onBroken(); });
  source.addEventListener('job', (event) => {
    const data = JSON.parse(event.data);
    if (isFinal(data.state)) source.close();
    onJob(data);
  });
  return () => source.close();
}
