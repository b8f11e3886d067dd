// Notes of uploads in parts that are not over, kept by the browser: after a
// reload, or on the next day, the same file goes on where it was.

const prefix = 'motionmill.upload.';
const keptFor = 7 * 86_400_000; // ms; stores throw parts away after about that time

/** What tells a file from others, and from itself once it was changed. */
export const fingerprint = (file, profile) => [file.name, file.size, file.lastModified, profile].join('|');

const attempt = (work, otherwise) => { try { return work(); } catch { return otherwise; } }; // Storage may be full, or switched off.

/** Notes an upload, without its addresses, which are as good as a password. sent: bytes that have arrived. */
export function note(file, profile, up, sent = 0) {
  const parts = up.parts.map(({ number, bytes }) => ({ number, bytes }));
  const { name, size } = file;
  const text = JSON.stringify({ name, size, profile, sent, at: Date.now(), up: { ...up, parts, expires_at: new Date(0).toISOString() } });
  attempt(() => localStorage.setItem(prefix + fingerprint(file, profile), text));
}

/** The upload of a file that was begun before, or null. */
export function find(file, profile) {
  return read(prefix + fingerprint(file, profile))?.up ?? null;
}

/** Tells other tabs that an upload is under way here, until what it returns is called. */
export function hold(file, profile) {
  let end;
  const over = new Promise((done) => { end = done; });
  navigator.locks?.request(prefix + fingerprint(file, profile), { mode: 'shared' }, () => over).catch(() => {}); // without, another tab may offer it
  return end;
}

/** The notes whose uploads are under way in no tab: they were broken off. */
export async function brokenOff() {
  const locks = await navigator.locks?.query().catch(() => null);
  const held = new Set(locks?.held.map(({ name }) => name));
  return unfinished().filter(({ key }) => !held.has(key));
}

export function forget(file, profile) {
  attempt(() => localStorage.removeItem(prefix + fingerprint(file, profile)));
}

/** The note of a file, whatever it was to become; undefined when there is none. */
export const noteOf = (file) => unfinished().find((mark) => mark.key === prefix + fingerprint(file, mark.profile));

/** All notes: {key, name, size, sent, profile, up}. What is too old is dropped. */
export function unfinished() {
  const keys = attempt(() => Object.keys(localStorage), []).filter((key) => key.startsWith(prefix));
  return keys.map((key) => ({ key, ...read(key) })).filter((mark) => {
    const good = mark.up && Date.now() - mark.at < keptFor;
    if (!good) drop(mark.key);
    return good;
  });
}

/** Drops a note by its key. */
export function drop(key) { attempt(() => localStorage.removeItem(key)); }

/** Drops all notes. */
export function forgetAll() { for (const { key } of unfinished()) drop(key); }

function read(key) {
  return attempt(() => JSON.parse(localStorage.getItem(key)), null);
}
