// The player: a video with the skeleton drawn over it, frame for frame.
//
// While the skeleton is on, the canvas shows the video's frame itself with the
// skeleton on top. Both come from one callback of one frame, so that they can
// never be seen apart, which an overlay above a playing video could.

import { el, say } from '../dom/el.js';
import { t } from '../i18n/i18n.js';
import { drawPose } from '../pose/draw.js';
import { loadPose } from '../pose/track.js';
import { Controls } from './controls.js';
import { eachFrame, fit, letterbox, renewing } from './frames.js';
import { Source } from './source.js';

export class Player {
  /**
   * files: {hls?, video?, overlay?, pose?, poster?}, addresses all. Options:
   * view, rung ('auto', 'file' or a height), shape ({width, height}, where
   * it is known before the video is there), and attributes of the video.
   * It tells by events of its node: "frame" (detail: seconds) at each frame
   * that is shown, "pose" once the track is there, "person".
   */
  constructor(files, { view, rung = 'auto', shape, video = {} } = {}) {
    this.files = files;
    this.pose = null;
    this.time = 0;
    this.rung = rung;
    this.person = null;
    const views = this.views();
    this.view = views.some(([value]) => value === view) ? view : views[0]?.[0];
    this.video = el('video', { playsinline: true, preload: 'auto', loop: true, poster: files.poster, 'aria-label': t('player.video'), ...video });
    this.canvas = el('canvas', { 'aria-hidden': 'true' });
    this.screen = el('div', { class: 'screen', tabindex: '0', role: 'group', 'aria-label': t('player.label') }, this.video, this.canvas);
    this.message = el('p', { class: 'faint message', role: 'status' });
    this.source = new Source(this.video, { changed: () => this.tellRungs(), failed: () => say(this.message, t('player.broken')) });
    this.controls = new Controls(this, views);
    this.node = el('div', { class: 'player' }, this.screen, this.controls.node, this.message);
    if (shape) this.shape(shape.width, shape.height);
    this.wire();
    this.show(this.view);
    if (files.pose) this.load();
  }

  /** What there is to see, as [value, text]. */
  views() {
    const { hls, video, pose, overlay } = this.files;
    const plain = hls || video;
    return [['skeleton', plain && pose], ['plain', plain], ['overlay', overlay]].filter(([, there]) => there).map(([value]) => [value, t(`view.${value}`)]);
  }

  async load() {
    say(this.message, t('pose.loading'));
    try {
      this.pose = await loadPose(this.files.pose);
      say(this.message, '');
      this.controls.tellPeople(this.pose.people);
      this.draw();
      this.tell();
      this.node.dispatchEvent(new CustomEvent('pose'));
    } catch (err) {
      say(this.message, err.message);
    }
  }

  wire() {
    const { video } = this;
    renewing(video);
    this.deafen = eachFrame(video, (time) => {
      this.time = time;
      this.draw();
      this.tell();
      this.node.dispatchEvent(new CustomEvent('frame', { detail: time }));
    });
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.screen);
    this.screen.addEventListener('click', () => this.toggle());
    this.screen.addEventListener('keydown', (event) => this.key(event));
    video.addEventListener('loadedmetadata', () => {
      this.controls.seek.max = String(video.duration || 1);
      this.shape(video.videoWidth, video.videoHeight);
      this.tell();
    });
    for (const name of ['play', 'pause', 'volumechange', 'timeupdate']) video.addEventListener(name, () => this.tell());
    video.addEventListener('resize', () => this.tellRungs());
    video.addEventListener('error', () => { if (video.hasAttribute('src') || video.currentSrc) say(this.message, t('player.broken')); });
    video.addEventListener('loadeddata', () => { if (this.message.textContent === t('player.broken')) say(this.message, ''); });
  }

  /** Gives the screen the shape of a picture. */
  shape(width, height) {
    this.screen.style.aspectRatio = `${width} / ${height}`;
    this.screen.style.setProperty('--ratio', String(width / height));
  }

  /** Changes between skeleton, plain and overlay, at the same place. */
  show(view) {
    this.view = view;
    this.controls.legend.hidden = view !== 'skeleton';
    const files = view === 'overlay' ? { video: this.files.overlay } : this.files;
    if (this.playing !== (files.video ?? files.hls)) {
      this.playing = files.video ?? files.hls;
      this.source.open(files, this.rung);
    }
    this.canvas.hidden = view !== 'skeleton';
    this.draw();
  }

  /** Takes a rung: 'auto', 'file' or a height. */
  take(rung) {
    const reopen = rung === 'file' || this.rung === 'file' || !this.source.hls;
    this.rung = rung;
    if (reopen) this.source.open(this.files, rung); else this.source.choose(rung);
    this.tellRungs();
  }

  tellRungs() {
    if (this.view === 'overlay') this.controls.rung.hidden = true;
    else this.controls.tellRungs(this.source, this.rung, Boolean(this.files.video));
  }

  /** Shows the skeleton of one person by its id, or of everyone (null). */
  follow(person) {
    this.person = person;
    this.draw();
    this.node.dispatchEvent(new CustomEvent('person'));
  }

  toggle() {
    if (this.video.paused) this.video.play().catch((err) => { if (err.name !== 'AbortError') say(this.message, t('player.refused')); });
    else this.video.pause();
  }

  step(by) {
    this.video.pause();
    const { video } = this;
    if (this.pose) video.currentTime = Math.min(video.duration, this.pose.timeOf(this.pose.indexAt(this.time) + by));
    else video.currentTime = Math.max(0, video.currentTime + by / 25);
  }

  key(event) {
    const does = {
      ' ': () => this.toggle(), ',': () => this.step(-1), '.': () => this.step(1),
      ArrowLeft: () => { this.video.currentTime -= 1; }, ArrowRight: () => { this.video.currentTime += 1; },
    }[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does();
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.node.requestFullscreen) this.node.requestFullscreen().catch(() => {});
    else this.video.webkitEnterFullscreen?.(); // phones of one maker can only do this
  }

  tell() {
    this.controls.tell(this.pose ? t('player.frame', { n: this.pose.indexAt(this.time) + 1, all: this.pose.length }) : '');
  }

  /** Draws the shown frame and its skeleton. */
  draw() {
    const { video, canvas } = this;
    if (this.view !== 'skeleton' || !video.videoWidth || video.readyState < 2) return;
    const { width, height } = fit(canvas, this.screen);
    const context = canvas.getContext('2d');
    context.clearRect(0, 0, width, height);
    if (!this.pose) return; // the video below is to be seen meanwhile
    const box = letterbox(video.videoWidth, video.videoHeight, width, height);
    context.drawImage(video, box.x, box.y, box.width, box.height);
    drawPose(context, this.pose, this.pose.indexAt(this.time), box, this.person);
  }

  close() {
    this.deafen();
    this.resized.disconnect();
    this.video.pause();
    this.source.turn++;
    this.source.close();
  }
}
