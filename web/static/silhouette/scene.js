// What a figure stands before: nothing (a checkerboard shows through), a
// picture or a camera, and where it stands.

import { el } from '../dom/el.js';
import { cover, fit, letterbox } from '../player/frames.js';

const start = { x: 0, y: 0, scale: 1, mirrored: false };

export class Scene {
  constructor(label) {
    this.canvas = el('canvas', { role: 'img', 'aria-label': label });
    this.screen = el('div', { class: 'screen checker' }, this.canvas);
    this.figure = null;
    this.behind = null; // {picture, width, height, mirrored}
    this.place = { ...start };
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.screen);
  }

  /** Stands the figure before something else; null for nothing. */
  before(behind) {
    this.behind = behind;
    this.screen.classList.toggle('checker', !behind);
    this.screen.classList.toggle('movable', Boolean(behind));
    this.canvas.setAttribute('role', behind ? 'application' : 'img'); // it takes keys only while it can be moved
    this.canvas.tabIndex = behind ? 0 : -1;
    this.shape();
    this.draw();
  }

  /** Gives the screen the shape of what is behind, else of the figure. */
  shape() {
    const { width, height } = this.behind ?? this.figure?.size ?? {};
    if (!width || !height || this.shaped === `${width}/${height}`) return;
    this.shaped = `${width}/${height}`;
    this.screen.style.aspectRatio = `${width} / ${height}`;
    this.screen.style.setProperty('--ratio', String(width / height));
  }

  /** Moves the figure: x and y in parts of the scene, scale 1 where it fits. */
  put(change) {
    const place = { ...this.place, ...change };
    place.scale = Math.max(0.2, Math.min(4, place.scale));
    place.x = Math.max(-1, Math.min(1, place.x));
    place.y = Math.max(-1, Math.min(1, place.y));
    this.place = place;
    this.draw();
    this.moved?.();
  }

  reset() { this.put(start); }

  draw() {
    const { figure, behind, canvas } = this;
    this.shape();
    const { width, height } = fit(canvas, this.screen);
    if (!width || !height) return;
    const context = canvas.getContext('2d');
    context.clearRect(0, 0, width, height);
    if (behind) paint(context, behind.picture, cover(behind.width, behind.height, width, height), behind.mirrored);
    if (!figure?.size.width) return;
    const box = letterbox(figure.size.width, figure.size.height, width, height);
    const { x, y, scale, mirrored } = this.place;
    const [w, h] = [box.width * scale, box.height * scale];
    paint(context, figure.picture, { x: (width - w) / 2 + x * width, y: (height - h) / 2 + y * height, width: w, height: h }, mirrored);
  }

  close() { this.resized.disconnect(); }
}

/** Draws a picture into a box, mirrored in itself if wanted. */
function paint(context, picture, box, mirrored) {
  context.save();
  context.translate(box.x + (mirrored ? box.width : 0), box.y);
  if (mirrored) context.scale(-1, 1);
  context.drawImage(picture, 0, 0, box.width, box.height);
  context.restore();
}
