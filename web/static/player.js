// The player: a video with the skeleton drawn over it, frame for frame.
//
// While the skeleton is on, the canvas shows the video's frame itself with the
// skeleton on top. Both come from one callback of one frame, so that they can
// never be seen apart, which an overlay above a playing video could.

import { clock, el, icon, say } from './dom.js';
import { colours, loadPose } from './pose.js';

/** Calls back with the media time of every frame that is shown. */
export function eachFrame(video, callback) {
  if ('requestVideoFrameCallback' in video) {
    const shown = (_, frame) => { callback(frame.mediaTime); video.requestVideoFrameCallback(shown); };
    video.requestVideoFrameCallback(shown);
    return;
  }
  const loop = () => { callback(video.currentTime); if (!video.paused) requestAnimationFrame(loop); };
  for (const name of ['play', 'seeked', 'loadeddata']) video.addEventListener(name, loop);
}

/** Loads a video again once its short-lived address has run out. */
export function renewing(video) {
  let last = 0;
  video.addEventListener('error', () => {
    if (!video.currentSrc || Date.now() - last < 60_000) return;
    last = Date.now();
    const { currentTime, paused, playbackRate } = video;
    video.load();
    video.addEventListener('loadedmetadata', () => {
      Object.assign(video, { currentTime, playbackRate });
      if (!paused) video.play().catch(() => {});
    }, { once: true });
  });
}

/** Where a picture lies in a box that shows it whole. */
export function letterbox(width, height, boxWidth, boxHeight) {
  const scale = Math.min(boxWidth / width, boxHeight / height);
  return { x: (boxWidth - width * scale) / 2, y: (boxHeight - height * scale) / 2, width: width * scale, height: height * scale };
}

export class Player {
  /** files: {video?, overlay?, pose?, poster?}, addresses all. */
  constructor(files) {
    this.files = files;
    this.pose = null;
    this.time = 0;
    this.video = el('video', { playsinline: true, preload: 'auto', loop: true, poster: files.poster });
    this.canvas = el('canvas', { 'aria-hidden': 'true' });
    this.screen = el('div', { class: 'screen', tabindex: '0', role: 'group', 'aria-label': 'Player. Space plays, comma and full stop step by frames, arrows by seconds.' }, this.video, this.canvas);
    this.message = el('p', { class: 'faint', role: 'status' });
    this.node = el('div', { class: 'player' }, this.screen, this.controls(), this.message);
    this.wire();
    this.show(files.video ? (files.pose ? 'skeleton' : 'plain') : 'overlay');
    if (files.pose) this.load();
  }

  async load() {
    say(this.message, 'Loading the pose track…');
    try {
      this.pose = await loadPose(this.files.pose);
      say(this.message, '');
      this.draw();
    } catch (err) {
      say(this.message, err.message);
    }
  }

  controls() {
    const button = (label, sign, onclick) => el('button', { type: 'button', class: 'tool', 'aria-label': label, title: label, onclick }, icon(sign));
    this.playButton = button('Play', 'play', () => this.toggle());
    this.seek = el('input', { type: 'range', min: '0', max: '1', step: 'any', value: '0', 'aria-label': 'Position' });
    this.seek.addEventListener('input', () => { this.video.currentTime = Number(this.seek.value); });
    this.clock = el('span', { class: 'clock' });
    this.speed = el('select', { 'aria-label': 'Speed' }, ...[0.1, 0.25, 0.5, 1, 2].map((v) => el('option', { value: String(v), text: `${v}×`, selected: v === 1 })));
    this.speed.addEventListener('change', () => { this.video.playbackRate = Number(this.speed.value); });
    this.muteButton = button('Mute', 'sound', () => { this.video.muted = !this.video.muted; });
    const views = [['skeleton', 'Skeleton', this.files.video && this.files.pose], ['plain', 'Plain', this.files.video], ['overlay', 'Overlay file', this.files.overlay]];
    const choices = views.filter(([, , there]) => there).map(([value, text]) => {
      const input = el('input', { type: 'radio', name: 'view', value, onchange: () => this.show(value) });
      return el('label', {}, input, el('span', { text }));
    });
    this.choice = el('div', { class: 'choice', role: 'radiogroup', 'aria-label': 'What to see' }, ...choices);
    this.legend = el('span', { class: 'legend', 'aria-label': 'Colours' }, dot(colours.left), 'left', dot(colours.right), 'right');
    return el('div', { class: 'controls' },
      el('div', { class: 'row bar' }, this.playButton, button('One frame back', 'back', () => this.step(-1)), button('One frame on', 'on', () => this.step(1)),
        this.seek, this.clock),
      el('div', { class: 'row wrap' }, this.choice, this.legend, el('span', { class: 'row end' }, this.speed, this.muteButton,
        button('Full screen', 'full', () => this.fullscreen()))));
  }

  wire() {
    const { video } = this;
    renewing(video);
    eachFrame(video, (time) => { this.time = time; this.draw(); this.tell(); });
    new ResizeObserver(() => this.draw()).observe(this.screen);
    this.screen.addEventListener('click', () => this.toggle());
    this.screen.addEventListener('keydown', (event) => this.key(event));
    video.addEventListener('loadedmetadata', () => {
      this.seek.max = String(video.duration || 1);
      this.screen.style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
      this.screen.style.setProperty('--ratio', String(video.videoWidth / video.videoHeight));
      this.tell();
    });
    for (const name of ['play', 'pause', 'volumechange', 'timeupdate']) video.addEventListener(name, () => this.tell());
    video.addEventListener('error', () => say(this.message, 'This browser cannot play the video, or it could not be loaded.'));
    video.addEventListener('loadeddata', () => { if (/cannot play/.test(this.message.textContent)) say(this.message, ''); });
  }

  /** Changes between skeleton, plain and overlay, at the same place. */
  show(view) {
    this.view = view;
    for (const input of this.choice.querySelectorAll('input')) input.checked = input.value === view;
    this.legend.hidden = view !== 'skeleton';
    const src = view === 'overlay' ? this.files.overlay : this.files.video;
    const { video } = this;
    if (this.src !== src) {
      const [time, playing] = [video.currentTime, this.src && !video.paused];
      this.src = src;
      video.src = src;
      video.currentTime = time;
      video.playbackRate = Number(this.speed.value);
      if (playing) video.play().catch(() => {});
    }
    this.canvas.hidden = view !== 'skeleton';
    this.draw();
  }

  toggle() {
    if (this.video.paused) this.video.play().catch((err) => { if (err.name !== 'AbortError') say(this.message, 'Playing is not possible here.'); });
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

  /** Keeps buttons, bar and clock as the video is. */
  tell() {
    const { video } = this;
    relabel(this.playButton, video.paused ? 'Play' : 'Pause', video.paused ? 'play' : 'pause');
    relabel(this.muteButton, video.muted ? 'Sound on' : 'Mute', video.muted ? 'mute' : 'sound');
    if (document.activeElement !== this.seek || !video.paused) this.seek.value = String(video.currentTime);
    const frame = this.pose ? ` · frame ${this.pose.indexAt(this.time) + 1} of ${this.pose.length}` : '';
    say(this.clock, `${clock(video.currentTime)} / ${clock(video.duration || 0)}${frame}`);
    this.seek.setAttribute('aria-valuetext', this.clock.textContent);
  }

  /** Draws the shown frame and its skeleton. */
  draw() {
    const { video, canvas } = this;
    if (this.view !== 'skeleton' || !video.videoWidth || video.readyState < 2) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.screen.clientWidth * ratio), Math.round(this.screen.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    context.clearRect(0, 0, width, height);
    if (!this.pose) return; // the video below is to be seen meanwhile
    const box = letterbox(video.videoWidth, video.videoHeight, width, height);
    context.drawImage(video, box.x, box.y, box.width, box.height);
    this.pose.draw(context, this.pose.indexAt(this.time), box);
  }

  close() {
    this.video.pause();
    this.video.removeAttribute('src');
    this.video.load();
  }
}

function relabel(button, label, sign) {
  if (button.title === label) return;
  button.title = label;
  button.setAttribute('aria-label', label);
  button.replaceChildren(icon(sign));
}

function dot(colour) {
  const node = el('i', { 'aria-hidden': 'true' });
  node.style.background = colour;
  return node;
}
