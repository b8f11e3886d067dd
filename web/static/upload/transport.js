// Sending bytes to the object store, at the addresses that the API signed.

import { t } from '../i18n/i18n.js';

const tries = 4;

export const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** Whether a failure may pass: no answer, a server's trouble, too many requests. */
export const passes = (err) => !err.status || err.status >= 500 || err.status === 408 || err.status === 429;

/** Does work again, up to four times, while its failure may pass. It is told which time it is. */
export async function again(work, signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (err) {
      if (attempt === tries || !passes(err) || signal.aborted || navigator.onLine === false) throw err;
      await pause(500 * 2 ** (attempt - 1));
    }
  }
}

/** Sends one body with progress (bytes sent) and gives the ETag of the answer. */
export function put({ url, method, headers = {} }, body, signal, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells no progress
    const stop = () => request.abort();
    const end = (settle, value) => { signal.removeEventListener('abort', stop); settle(value); };
    const fail = (text, status = 0) => end(reject, Object.assign(new Error(text), { status }));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      if (request.status >= 300) { fail(storeSays(request.status), request.status); return; }
      onSent(body.size);
      end(resolve, request.getResponseHeader('ETag'));
    };
    request.onerror = () => fail(t('upload.broke'));
    request.onabort = () => fail(t('upload.stopped'));
    signal.addEventListener('abort', stop);
    if (signal.aborted) fail(t('upload.stopped')); else request.send(body);
  });
}

function storeSays(status) {
  if (status === 403) return t('store.refused');
  if (status === 412) return t('store.exists');
  if (status === 507) return t('store.full');
  return t('store.status', { status });
}
