// Placing a figure by hand: with one finger or the mouse it is moved, with two
// fingers or a pinch on a trackpad scaled; the keyboard does both.

/** Wires a scene's canvas. Only a figure before something is moved; over the checkerboard a page scrolls on. */
export function placeByHand(scene) {
  const { canvas } = scene;
  const fingers = new Map();
  let held = null;

  const hold = () => {
    const points = [...fingers.values()];
    held = { place: scene.place, middle: middleOf(points), spread: spreadOf(points) };
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (!scene.behind) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    hold();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const points = [...fingers.values()];
    const [x, y] = middleOf(points);
    scene.put({
      x: held.place.x + (x - held.middle[0]) / canvas.clientWidth,
      y: held.place.y + (y - held.middle[1]) / canvas.clientHeight,
      scale: held.place.scale * (held.spread > 0 ? spreadOf(points) / held.spread : 1),
    });
  });
  for (const name of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(name, (event) => { if (fingers.delete(event.pointerId) && fingers.size > 0) hold(); });
  }
  canvas.addEventListener('wheel', (event) => {
    if (!scene.behind || !event.ctrlKey) return; // what trackpads send for a pinch; a plain wheel scrolls the page
    event.preventDefault();
    scene.put({ scale: scene.place.scale * Math.exp(-event.deltaY / 200) });
  }, { passive: false });
  canvas.addEventListener('keydown', (event) => {
    const does = scene.behind && !event.ctrlKey && !event.metaKey && !event.altKey && keys(event, scene.place);
    if (!does) return;
    event.preventDefault();
    scene.put(does);
  });
}

/** What a key does to a place. */
function keys({ key, shiftKey }, { x, y, scale, mirrored }) {
  const far = shiftKey ? 0.1 : 0.02;
  return {
    ArrowLeft: { x: x - far }, ArrowRight: { x: x + far }, ArrowUp: { y: y - far }, ArrowDown: { y: y + far },
    '+': { scale: scale * 1.05 }, '=': { scale: scale * 1.05 }, '-': { scale: scale / 1.05 }, 0: { x: 0, y: 0, scale: 1 },
    m: { mirrored: !mirrored }, M: { mirrored: !mirrored },
  }[key];
}

const middleOf = (points) => [0, 1].map((axis) => points.reduce((sum, p) => sum + p[axis], 0) / points.length);
const spreadOf = (points) => (points.length < 2 ? 0 : Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]));
