// Finding frames and places, and saying numbers.
import assert from 'node:assert/strict';
import test from 'node:test';
import { bytes, clock, rest } from './dom/format.js';
import { cover, letterbox } from './player/frames.js';
import { PoseTrack } from './pose/track.js';

const whole = (box) => Object.fromEntries(Object.entries(box).map(([k, v]) => [k, Math.round(v * 1000) / 1000 + 0]));

test('frames at a variable rate', () => {
  const times = [0, 0.04, 0.08, 0.2, 0.21];
  const track = new PoseTrack({ keypoints: ['nose', 'left_eye', 'right_eye'], frames: times.map((t) => ({ t, people: [] })) });
  times.forEach((t, i) => assert.equal(track.indexAt(t), i));
  assert.deepEqual([-1, 9, 0.0399, 0.13, 0.15].map((t) => track.indexAt(t)), [0, 4, 1, 2, 3]);
  times.slice(0, -1).forEach((t, i) => assert(track.timeOf(i) > t && track.timeOf(i) < times[i + 1]));
  assert.deepEqual(track.sides, ['middle', 'left', 'right']);
});

test('people, whoever is seen longest first', () => {
  const who = [[1], [1, 2], [2], [2], []];
  const frames = who.map((ids, i) => ({ t: i / 10, people: ids.map((id) => ({ id, keypoints: [[id, i, 1]] })) }));
  const track = new PoseTrack({ keypoints: ['nose'], frames });
  assert.deepEqual(track.people, [{ id: 2, frames: 3, from: 0.1, to: 0.3 }, { id: 1, frames: 2, from: 0, to: 0.1 }]);
  assert.deepEqual(track.pointsOf(2), [null, [[2, 1, 1]], [[2, 2, 1]], [[2, 3, 1]], null]);
});

test('where pictures lie', () => {
  assert.deepEqual(whole(letterbox(1920, 1080, 1000, 1000)), { x: 0, y: 218.75, width: 1000, height: 562.5 });
  assert.deepEqual(whole(letterbox(360, 640, 1280, 640)), { x: 460, y: 0, width: 360, height: 640 });
  assert.deepEqual(whole(cover(100, 50, 100, 100)), { x: -50, y: 0, width: 200, height: 100 });
});

test('numbers in words', () => {
  assert.deepEqual([bytes(0), bytes(999), bytes(12_400_000), clock(3723), clock(7.9), rest(8), rest(-1)],
    ['0 bytes', '999 bytes', '12.4 MB', '1:02:03', '0:07', 'about 8 s left', '']);
});
