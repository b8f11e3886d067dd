// What the steps check with.

export function check(ok, text) {
  if (!ok) throw new Error(text);
}

export function near(got, want, within, text) {
  check(Math.abs(got - want) <= within, `${text}: ${got}, want ${want} within ${within}`);
}

/** Waits until look gives something true, and returns it. */
export async function until(what, look, limit = 20_000) {
  const began = Date.now();
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() - began > limit) throw new Error(`it takes too long until ${what}`);
    await new Promise((done) => { setTimeout(done, 30); });
  }
}
