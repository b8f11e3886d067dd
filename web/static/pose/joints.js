// Angles of joints and how fast they change, from a pose track.

import { seen } from './draw.js';

const ends = { // joint: the points on its two limbs, the first that the track has of each
  elbow: [['shoulder'], ['wrist']],
  shoulder: [['elbow'], ['hip']],
  hip: [['shoulder'], ['knee']],
  knee: [['hip'], ['ankle']],
  ankle: [['knee'], ['big_toe', 'foot_index', 'foot']],
};

/** The joints that a track's points allow: {joint, side, points: [a, middle, b]} by index. */
export function jointsOf(track) {
  const index = new Map(track.data.keypoints.map((name, i) => [name, i]));
  const found = [];
  for (const [joint, limbs] of Object.entries(ends)) {
    for (const side of ['left', 'right']) {
      const of = (names) => names.map((name) => index.get(`${side}_${name}`)).find((i) => i !== undefined);
      const points = [of(limbs[0]), index.get(`${side}_${joint}`), of(limbs[1])];
      if (points.every((i) => i !== undefined)) found.push({ joint, side, points });
    }
  }
  return found;
}

/** The angle at b between the limbs to a and c in degrees, 0 to 180: of the vectors' cross and dot product. */
export function angleAt(a, b, c) {
  const [ux, uy, vx, vy] = [a[0] - b[0], a[1] - b[1], c[0] - b[0], c[1] - b[1]];
  return (Math.abs(Math.atan2(ux * vy - uy * vx, ux * vx + uy * vy)) * 180) / Math.PI;
}

/** A joint's angle in every frame in degrees, null where a point of it is not seen. */
export function angles(frames, { points: [a, b, c] }) {
  return frames.map((p) => (p && [a, b, c].every((i) => p[i]?.[2] >= seen) ? angleAt(p[a], p[b], p[c]) : null));
}

/**
 * How fast angles change, in degrees a second: the central difference of each
 * frame's neighbours by their own times, one-sided at the ends of a stretch.
 */
export function rates(values, times) {
  return values.map((value, i) => {
    if (value === null) return null;
    const before = i > 0 && values[i - 1] !== null ? i - 1 : i;
    const after = i + 1 < values.length && values[i + 1] !== null ? i + 1 : i;
    return after > before ? (values[after] - values[before]) / (times[after] - times[before]) : null;
  });
}
