// The silhouette over a checkerboard. Browsers that show VP9's alpha play the
// WebM; for the others the stacked MP4 (colour above, matte below) is put
// together on a canvas.

import { el, say } from './dom.js';
import { eachFrame, renewing } from './player.js';

const widest = 640; // pixels across in which a stacked frame is put together
const drift = 0.09; // seconds that the silhouette may be off while playing

export class Silhouette {
  /** files: {webm?, stacked?}; leader: the video to keep in step with, or null. */
  constructor(files, leader) {
    Object.assign(this, { files, leader });
    this.screen = el('div', { class: 'screen checker' });
    this.message = el('p', { class: 'faint', role: 'status' });
    this.node = el('div', { class: 'player silhouette' }, this.screen, this.message);
    this.stops = [];
    if (files.webm) this.playWebM(); else this.playStacked();
  }

  make(src, props) {
    this.video = el('video', { muted: true, playsinline: true, loop: true, preload: 'auto', src, 'aria-label': 'The person cut out of the background', ...props });
    this.video.muted = true;
    renewing(this.video);
    if (this.leader) this.follow();
    return this.video;
  }

  playWebM() {
    const video = this.make(this.files.webm, { controls: !this.leader });
    this.screen.replaceChildren(video);
    video.addEventListener('loadeddata', () => {
      this.size(video.videoWidth, video.videoHeight);
      if (this.files.stacked && !hasAlpha(video)) this.playStacked();
    }, { once: true });
    video.addEventListener('error', () => {
      if (this.files.stacked) this.playStacked();
      else say(this.message, 'This browser cannot play the silhouette.');
    }, { once: true });
  }

  playStacked() {
    this.release();
    const video = this.make(this.files.stacked, { class: 'unseen' });
    const canvas = el('canvas', { role: 'img', 'aria-label': 'The person cut out of the background' });
    this.screen.replaceChildren(canvas, video);
    video.addEventListener('loadedmetadata', () => this.size(video.videoWidth, video.videoHeight / 2));
    video.addEventListener('error', () => say(this.message, 'This browser cannot play the silhouette.'));
    eachFrame(video, () => unstack(video, canvas));
    if (!this.leader) {
      this.screen.addEventListener('click', () => { if (video.paused) video.play(); else video.pause(); });
      video.play().catch(() => say(this.message, 'Click the picture to play.'));
    }
  }

  size(width, height) {
    this.screen.style.aspectRatio = `${width} / ${height}`;
    this.screen.style.setProperty('--ratio', String(width / height));
  }

  /** Keeps in step with the leader: playing, pausing, speed and place. */
  follow() {
    const { leader, video } = this;
    const place = () => {
      const off = Math.abs(video.currentTime - leader.currentTime);
      if (video.readyState > 0 && !video.seeking && off > (leader.paused ? 0.001 : drift)) video.currentTime = leader.currentTime;
    };
    const on = (name, does) => {
      leader.addEventListener(name, does);
      this.stops.push(() => leader.removeEventListener(name, does));
    };
    on('play', () => { place(); video.play().catch(() => {}); });
    on('playing', () => { place(); video.play().catch(() => {}); });
    on('waiting', () => video.pause());
    on('pause', () => { video.pause(); place(); });
    on('seeked', place);
    on('timeupdate', place);
    on('ratechange', () => { video.playbackRate = leader.playbackRate; });
    video.addEventListener('loadeddata', () => {
      video.playbackRate = leader.playbackRate;
      place();
      if (!leader.paused) video.play().catch(() => {});
    });
  }

  release() {
    for (const stop of this.stops.splice(0)) stop();
    this.video?.pause();
    this.video?.removeAttribute('src');
    this.video?.load();
  }

  close() { this.release(); }
}

/** Whether this browser shows the alpha of a playing video: some of it is clear. */
function hasAlpha(video) {
  const canvas = el('canvas', { width: '64', height: '64' });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(video, 0, 0, 64, 64);
  try {
    const { data } = context.getImageData(0, 0, 64, 64);
    for (let i = 3; i < data.length; i += 4) if (data[i] < 250) return true;
    return false;
  } catch {
    return true; // another origin's video may not be read; the WebM is the better guess
  }
}

/** Puts a stacked frame together: the upper half's colour under the lower half's matte. */
function unstack(video, canvas) {
  const width = Math.min(widest, video.videoWidth);
  const height = Math.round((width * video.videoHeight) / 2 / video.videoWidth);
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const scratch = (canvas.scratch ??= document.createElement('canvas'));
  if (scratch.width !== width || scratch.height !== 2 * height) Object.assign(scratch, { width, height: 2 * height });
  const from = scratch.getContext('2d', { willReadFrequently: true });
  from.drawImage(video, 0, 0, width, 2 * height);
  const colour = from.getImageData(0, 0, width, height);
  const matte = from.getImageData(0, height, width, height).data;
  for (let i = 0; i < matte.length; i += 4) colour.data[i + 3] = matte[i];
  canvas.getContext('2d').putImageData(colour, 0, 0);
}
