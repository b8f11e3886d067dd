// Signing in, on a stage that keeps its own users. The tokens are in cookies
// that scripts cannot read; this asks for the password and renews them in time.

import { el, say } from '../dom/el.js';
import { t } from '../i18n/i18n.js';
import { forgetAll } from '../upload/bookmarks.js';

const early = 60_000; // how long before its end a session is renewed, in ms
const least = 30_000; // between two renewals, in ms: a clock that is ahead sees every session as ended
let who = ''; // whose page this is
let asking = null; // the one dialog that all calls wait for
let timer = 0;

const post = (path, body = {}) => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** One tab at a time: a refresh token that comes twice ends the session. */
function alone(work) {
  return navigator.locks ? navigator.locks.request('motionmill-session', work) : work();
}

function renewAt(expires) {
  clearTimeout(timer);
  timer = setTimeout(() => alone(renew), Math.max(least, Date.parse(expires) - Date.now() - early));
}

/** Exchanges the cookies for new ones; tells whether there is a session. */
async function renew() {
  const response = await post('/v1/auth/refresh');
  if (!response.ok) return false;
  greet(await response.json());
  return true;
}

/** Shows who is signed in, and a way out. */
function greet({ name, expires_at: expires }) {
  who = name;
  renewAt(expires);
  const out = el('button', { type: 'button', class: 'quiet', t: 'signin.out' });
  out.addEventListener('click', async () => {
    clearTimeout(timer);
    try {
      await alone(() => post('/v1/auth/logout'));
    } catch { // the session is still there, and so is who may use it
      out.nextElementSibling?.remove();
      out.after(el('span', { class: 'bad-text', role: 'alert', text: t('stage.silent') }));
      renewAt(expires);
      return;
    }
    forgetAll(); // whoever comes next need not know what was sent
    location.replace('/');
  });
  document.getElementById('session').replaceChildren(el('span', { class: 'faint', text: name }), out);
}

/** Asks for name and password until they are right. */
function ask() {
  const name = el('input', { name: 'name', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', required: true });
  const password = el('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const wrong = el('p', { class: 'bad-text', role: 'alert' });
  const button = el('button', { type: 'submit', text: t('signin.in') });
  const form = el('form', {}, el('h2', { id: 'signin-title', text: t('signin.in') }),
    el('p', { class: 'field' }, el('label', {}, t('signin.name'), name)), el('p', { class: 'field' }, el('label', {}, t('signin.password'), password)), wrong, button);
  const dialog = el('dialog', { class: 'card', 'aria-labelledby': 'signin-title' }, form);
  dialog.addEventListener('cancel', (event) => event.preventDefault()); // there is nothing behind it
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        const response = await post('/v1/auth/login', { name: name.value, password: password.value, cookie: true });
        const answer = await response.json();
        if (response.ok && who && who !== answer.name) { // what is shown, and under way, is another's
          forgetAll();
          location.replace('/');
          return;
        }
        if (response.ok) {
          greet(answer);
          dialog.remove();
          done(true);
          return;
        }
        say(wrong, answer.detail);
        password.select();
      } catch {
        say(wrong, t('stage.silent'));
      } finally {
        button.disabled = false;
      }
    });
  });
}

/**
 * Called when a call was answered 401: renews the session, or asks for the
 * password where the stage keeps one. Resolves to whether to call again.
 */
export function signedIn() {
  asking ??= (async () => {
    try {
      if (await alone(renew)) return true;
      const stage = await (await fetch('/v1/stage')).json();
      return stage.sign_in === 'password' ? await ask() : false;
    } catch {
      return false;
    } finally {
      asking = null;
    }
  })();
  return asking;
}

/** At the start: goes on with the session that the cookies hold, if any. */
export async function resume() {
  try {
    const response = await fetch('/v1/auth/me');
    if (!response.ok) return;
    const me = await response.json();
    if (me.expires_at) greet({ name: me.subject, expires_at: me.expires_at });
  } catch { /* the next call tells that the stage does not answer */ }
}
