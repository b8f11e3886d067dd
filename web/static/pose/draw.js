// Drawing the people of a frame.

/** The score from which a point is good enough to be shown and measured. */
export const seen = 0.3;

/** The colours of a body's sides; the legend shows the same. */
export const colours = { left: '#ff9f43', right: '#38bdf8', middle: '#f8fafc' };

/** Draws frame i of a track into a box {x, y, width, height} of a canvas; only one person where an id is given. */
export function drawPose(context, track, i, box, only = null) {
  const frame = track.data.frames[i];
  if (!frame) return;
  const scaleX = box.width / track.data.width;
  const scaleY = box.height / track.data.height;
  const pen = { line: Math.max(2, Math.min(box.width, box.height) / 130), place: ([x, y]) => [box.x + (x + 0.5) * scaleX, box.y + (y + 0.5) * scaleY] };
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  context.lineCap = 'round';
  for (const person of frame.people) if (only === null || person.id === only) drawPerson(context, track, person.keypoints, pen);
  context.restore();
}

function drawPerson(context, track, points, { line, place }) {
  const { sides } = track;
  const bones = track.bones.filter(([a, b]) => points[a]?.[2] >= seen && points[b]?.[2] >= seen);
  const stroke = (width, colour) => {
    for (const [a, b] of bones) {
      context.lineWidth = width;
      context.strokeStyle = colour(a, b);
      context.beginPath();
      context.moveTo(...place(points[a]));
      context.lineTo(...place(points[b]));
      context.stroke();
    }
  };
  stroke(line * 2, () => 'rgb(0 0 0 / 0.45)');
  stroke(line, (a, b) => colours[sides[a] === sides[b] ? sides[a] : 'middle']);
  points.forEach((point, k) => {
    if (!(point[2] >= seen)) return;
    context.beginPath();
    context.arc(...place(point), line * 1.05, 0, 2 * Math.PI);
    context.fillStyle = '#fff';
    context.fill();
    context.lineWidth = line / 2;
    context.strokeStyle = colours[sides[k]];
    context.stroke();
  });
}
