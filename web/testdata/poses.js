// Angles, how fast they change, and who is drawn.
import assert from 'node:assert/strict';
import test from 'node:test';
import { drawPose } from './pose/draw.js';
import { angleAt, angles, jointsOf, rates } from './pose/joints.js';
import { PoseTrack } from './pose/track.js';

test('angles', () => {
  assert.equal(Math.round(angleAt([1, 0], [0, 0], [0, 5])), 90);
  assert.equal(Math.round(angleAt([1, 0], [0, 0], [-3, 0])), 180);
  assert.equal(Math.round(angleAt([0, -2], [0, 0], [0, -1])), 0);
  assert.equal(Math.round(angleAt([1, 0], [0, 0], [1, -1])), 45);
});

test('joints are those that the points allow', () => {
  const track = new PoseTrack({ keypoints: ['left_hip', 'left_knee', 'left_ankle', 'right_hip', 'right_ankle', 'left_big_toe'], frames: [] });
  assert.deepEqual(jointsOf(track), [{ joint: 'knee', side: 'left', points: [0, 1, 2] }, { joint: 'ankle', side: 'left', points: [1, 2, 5] }]);
});

test('a turning limb, with a gap, at a variable rate', () => {
  const times = [0, 0.1, 0.3, 0.4, 0.5, 0.6];
  const turn = 60; // degrees a second
  const frames = times.map((time, i) => {
    if (i === 4) return null;
    const angle = ((30 + turn * time) * Math.PI) / 180;
    return [[1, 0, 1], [0, 0, 1], [Math.cos(angle), Math.sin(angle), 0.9]];
  });
  const values = angles(frames, { points: [0, 1, 2] });
  times.forEach((time, i) => (i === 4 ? assert.equal(values[i], null) : assert(Math.abs(values[i] - 30 - turn * time) < 1e-9)));
  const speeds = rates(values, times);
  for (const i of [0, 1, 2, 3]) assert(Math.abs(speeds[i] - turn) < 1e-9, `${i}: ${speeds[i]}`);
  assert.deepEqual([speeds[4], speeds[5]], [null, null]);
  frames[1][2][2] = 0.1; // hardly seen
  assert.equal(angles(frames, { points: [0, 1, 2] })[1], null);
});

test('only who is chosen is drawn, at the middle of the pixel', () => {
  const arcs = [];
  const context = new Proxy({ arc: (x, y) => arcs.push([x, y]) }, { get: (target, name) => target[name] ?? (() => {}), set: () => true });
  const people = [1, 2].map((id) => ({ id, keypoints: [[10 * id, 20, 0.9], [10 * id, 40, 0.2]] }));
  const track = new PoseTrack({ width: 100, height: 100, keypoints: ['nose', 'left_eye'], skeleton: [[0, 1]], frames: [{ t: 0, people }] });
  drawPose(context, track, 0, { x: 5, y: 0, width: 200, height: 200 }, 2);
  assert.deepEqual(arcs, [[5 + 41, 41]]);
  drawPose(context, track, 0, { x: 5, y: 0, width: 200, height: 200 });
  assert.equal(arcs.length, 3);
  const bare = new PoseTrack({ ...track.data, skeleton: null }); // as of a model that names no pairs
  drawPose(context, bare, 0, { x: 5, y: 0, width: 200, height: 200 });
  assert.equal(arcs.length, 5);
});
