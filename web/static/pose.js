// The pose track ("motionmill.pose/1"): loading it, finding the frame of a
// time, and drawing its people.

const seen = 0.3; // the score below which a point is not drawn

/** Loads a pose track, gzipped or already unpacked by the transport. */
export async function loadPose(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The pose track could not be loaded (${response.status}).`);
  const packed = await response.arrayBuffer();
  const head = new Uint8Array(packed, 0, Math.min(2, packed.byteLength));
  const gzipped = head[0] === 0x1f && head[1] === 0x8b;
  const stream = new Blob([packed]).stream();
  return new PoseTrack(await new Response(gzipped ? stream.pipeThrough(new DecompressionStream('gzip')) : stream).json());
}

export class PoseTrack {
  constructor(data) {
    this.data = data;
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

  /** Draws frame i into a box {x, y, width, height} of a canvas. */
  draw(context, i, box) {
    const frame = this.data.frames[i];
    if (!frame) return;
    const scaleX = box.width / this.data.width;
    const scaleY = box.height / this.data.height;
    const line = Math.max(2, Math.min(box.width, box.height) / 130);
    const place = ([x, y]) => [box.x + x * scaleX, box.y + y * scaleY];
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    context.lineCap = 'round';
    for (const person of frame.people) {
      const points = person.keypoints;
      const bones = this.data.skeleton.filter(([a, b]) => points[a]?.[2] >= seen && points[b]?.[2] >= seen);
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
      stroke(line, (a, b) => colours[this.sides[a] === this.sides[b] ? this.sides[a] : 'middle']);
      points.forEach((point, k) => {
        if (!(point[2] >= seen)) return;
        context.beginPath();
        context.arc(...place(point), line * 1.05, 0, 2 * Math.PI);
        context.fillStyle = '#fff';
        context.fill();
        context.lineWidth = line / 2;
        context.strokeStyle = colours[this.sides[k]];
        context.stroke();
      });
    }
    context.restore();
  }
}

/** The colours of a body's sides; the page's legend shows the same. */
export const colours = { left: '#ff9f43', right: '#38bdf8', middle: '#f8fafc' };
