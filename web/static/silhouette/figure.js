// The person cut out of the background, as something that can be drawn.
// Browsers that show VP9's alpha play the WebM; for the others the stacked MP4
// (colour above, matte below) is put together on a canvas.

import { el } from '../dom/el.js';
import { eachFrame, renewing } from '../player/frames.js';

const widest = 960; // pixels across in which a stacked frame is put together
const drift = 0.09; // seconds that the figure may be off while playing

export class Figure {
  /**
   * files: {webm?, stacked?}; leader: the video to keep in step with, or null.
   * changed is called with every new picture, failed when none can be played.
   * attributes are of the video.
   */
  constructor(files, leader, { changed, failed, attributes = {} }) {
    Object.assign(this, { files, leader, changed, failed, attributes });
    this.delay = 0; // seconds behind the leader
    this.size = { width: 0, height: 0 };
    this.stops = [];
    this.holder = el('span', { class: 'unseen', 'aria-hidden': 'true' }); // some browsers play only what is in the document
    if (files.webm) this.playWebM(); else this.playStacked();
  }

  make(src) {
    this.release();
    this.video = el('video', { muted: true, playsinline: true, loop: true, preload: 'auto', src, tabindex: '-1', ...this.attributes });
    this.video.muted = true;
    this.holder.replaceChildren(this.video);
    renewing(this.video);
    if (this.leader) this.follow();
    return this.video;
  }

  playWebM() {
    const video = this.make(this.files.webm);
    this.picture = video;
    video.addEventListener('loadeddata', () => {
      if (this.files.stacked && !hasAlpha(video)) { this.playStacked(); return; }
      this.size = { width: video.videoWidth, height: video.videoHeight };
      this.changed();
    }, { once: true });
    video.addEventListener('error', () => { if (this.files.stacked) this.playStacked(); else this.failed(); }, { once: true });
    this.stops.push(eachFrame(video, () => this.changed()));
  }

  playStacked() {
    const video = this.make(this.files.stacked);
    const canvas = el('canvas');
    this.picture = canvas;
    video.addEventListener('loadedmetadata', () => { this.size = { width: video.videoWidth, height: video.videoHeight / 2 }; });
    video.addEventListener('error', () => this.failed());
    this.stops.push(eachFrame(video, () => { unstack(video, canvas); this.changed(); }));
  }

  /** Sets how many seconds the figure is behind its leader. */
  lag(seconds) {
    this.delay = seconds;
    this.place?.();
  }

  /** Where the figure is to be: behind its leader, round the end once that has been played. */
  get target() {
    const { leader, delay, video } = this;
    const at = leader.currentTime - delay;
    const played = leader.played.length > 0 && leader.played.end(leader.played.length - 1) > leader.duration - 0.2;
    return at >= 0 || !played || !leader.loop ? Math.max(0, at) : at + video.duration;
  }

  /** Keeps in step with the leader: playing, pausing, speed and place. */
  follow() {
    const { leader, video } = this;
    this.place = () => {
      if (video.readyState === 0) return;
      const off = Math.abs(video.currentTime - this.target);
      if (!video.seeking && off > (leader.paused ? 0.001 : drift)) video.currentTime = this.target;
      const still = leader.paused || leader.readyState < 3 || (this.target === 0 && this.delay > 0);
      if (still && !video.paused) video.pause();
      else if (!still && video.paused) video.play().catch(() => {});
    };
    const on = (name, does) => {
      leader.addEventListener(name, does);
      this.stops.push(() => leader.removeEventListener(name, does));
    };
    for (const name of ['play', 'playing', 'waiting', 'pause', 'seeked', 'timeupdate']) on(name, this.place);
    on('ratechange', () => { video.playbackRate = leader.playbackRate; });
    video.addEventListener('loadeddata', () => { video.playbackRate = leader.playbackRate; this.place(); });
    video.addEventListener('seeked', this.place); // the leader may have gone on meanwhile
  }

  /** Plays or pauses where there is no leader. */
  toggle() {
    if (this.video.paused) this.video.play().catch(() => this.failed()); else this.video.pause();
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
