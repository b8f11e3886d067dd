// The pose track ("motionmill.pose/1"): loading it, and finding frames and people.

import { t } from '../i18n/i18n.js';

/** Loads a pose track, gzipped or already unpacked by the transport. */
export async function loadPose(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(t('pose.failed', { status: response.status }));
  const packed = await response.arrayBuffer();
  const head = new Uint8Array(packed, 0, Math.min(2, packed.byteLength));
  const gzipped = head[0] === 0x1f && head[1] === 0x8b;
  const stream = new Blob([packed]).stream();
  return new PoseTrack(await new Response(gzipped ? stream.pipeThrough(new DecompressionStream('gzip')) : stream).json());
}

export class PoseTrack {
  constructor(data) {
    this.data = data;
    this.bones = data.skeleton ?? []; // pairs of indices; a model need not have any
    this.times = Float64Array.from(data.frames, (frame) => frame.t);
    this.sides = data.keypoints.map((name) => (/^left/.test(name) ? 'left' : /^right/.test(name) ? 'right' : 'middle'));
  }

  get length() { return this.times.length; }

  /** The index of the frame that is shown at a time: the nearest one. */
  indexAt(time) {
    let low = 0;
    let high = this.times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time) low = middle; else high = middle - 1;
    }
    return low + 1 < this.times.length && this.times[low + 1] - time < time - this.times[low] ? low + 1 : low;
  }

  /** A time that lies safely inside frame i. */
  timeOf(i) {
    const at = Math.max(0, Math.min(this.times.length - 1, i));
    const next = at + 1 < this.times.length ? this.times[at + 1] : 2 * this.times[at] - (this.times[at - 1] ?? 0);
    return this.times[at] + Math.max(0, next - this.times[at]) / 2;
  }

  /** Who is seen: {id, frames, from, to} (seconds), whoever is seen longest first. */
  get people() {
    const seen = new Map();
    this.data.frames.forEach((frame, i) => {
      for (const { id } of frame.people) {
        const person = seen.get(id) ?? { id, frames: 0, from: this.times[i] };
        person.frames++;
        person.to = this.times[i];
        seen.set(id, person);
      }
    });
    return [...seen.values()].sort((a, b) => b.frames - a.frames || a.id - b.id);
  }

  /** The keypoints of a person in every frame, null where it is not seen. */
  pointsOf(id) {
    return this.data.frames.map((frame) => frame.people.find((person) => person.id === id)?.keypoints ?? null);
  }
}
