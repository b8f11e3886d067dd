// The calls of the API. Every failure is an Error whose message is for people.

import { signedIn } from './signin.js';

/** An answer that says what is wrong (RFC 9457), or no answer at all (status 0). */
export class Problem extends Error {
  constructor(message, status, type) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

/** Makes one call and returns its JSON. Where it takes a sign-in, that comes first. */
export async function call(method, path, body, again = true) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem('The stage does not answer. Is it still running?', 0);
  }
  if (response.status === 401 && again && await signedIn()) return call(method, path, body, false);
  const text = await response.text();
  let data = null;
  try { data = JSON.parse(text); } catch { /* not ours; the status tells */ }
  if (!response.ok) {
    throw new Problem(data?.detail || `The stage answered ${response.status}.`, response.status, data?.type);
  }
  return data;
}

export const stage = () => call('GET', '/v1/stage');
export const createUpload = (file) => call('POST', '/v1/uploads', file);
export const uploadState = (id) => call('GET', `/v1/uploads/${encodeURIComponent(id)}`);
export const job = (id) => call('GET', `/v1/jobs/${encodeURIComponent(id)}`);
export const cancelJob = (id) => call('POST', `/v1/jobs/${encodeURIComponent(id)}/cancel`);
export const retryJob = (id) => call('POST', `/v1/jobs/${encodeURIComponent(id)}/retry`);
export const jobs = (cursor, limit = 30) =>
  call('GET', `/v1/jobs?limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);

/** The address of a file of a job's result. */
export const fileURL = (id, path, download = false) =>
  `/v1/jobs/${encodeURIComponent(id)}/files/${path.split('/').map(encodeURIComponent).join('/')}${download ? '?download=true' : ''}`;

const finals = new Set(['succeeded', 'dead', 'cancelled', 'superseded']);
export const isFinal = (state) => finals.has(state);

/**
 * Listens to a job until it is final; onJob gets the job at each change. The
 * browser connects again by itself. Returns a function that ends it.
 */
export function listen(id, onJob) {
  const source = new EventSource(`/v1/jobs/${encodeURIComponent(id)}/events`);
  source.addEventListener('job', (event) => {
    const data = JSON.parse(event.data);
    if (isFinal(data.state)) source.close();
    onJob(data);
  });
  return () => source.close();
}
