// The silhouette's part of a result: over a checkerboard, a picture or the
// viewer's own camera, placed by hand.

import { choice, el, relabel, say, tool } from '../dom/el.js';
import { t } from '../i18n/i18n.js';
import { Camera } from './camera.js';
import { Figure } from './figure.js';
import { placeByHand } from './placing.js';
import { Scene } from './scene.js';

export class SilhouettePanel {
  /** files: {webm?, stacked?}; leader: the video to keep in step with, or null. */
  constructor(files, leader) {
    this.scene = new Scene(t('silhouette.label'));
    this.message = el('p', { class: 'faint message', role: 'status' });
    this.figure = new Figure(files, leader, { changed: () => this.scene.draw(), failed: () => say(this.message, t('silhouette.broken')) });
    this.scene.figure = this.figure;
    this.camera = new Camera();
    this.cameraMirrored = true;
    placeByHand(this.scene);
    this.node = el('div', { class: 'player silhouette' }, this.scene.screen, this.figure.holder, this.controls(leader), this.message);
    this.scene.moved = () => this.tell();
    this.tell();
  }

  controls(leader) {
    const choices = ['checker', 'picture', 'camera'].map((value) => [value, t(`behind.${value}`)]);
    this.choice = choice(t('behind.label'), choices, 'checker', (value) => this.choose(value));
    this.file = el('input', { type: 'file', accept: 'image/*', class: 'unseen', tabindex: '-1', 'aria-label': t('behind.file') });
    this.file.addEventListener('change', () => this.showPicture());
    this.pick = el('button', { type: 'button', class: 'quiet', text: t('behind.file'), onclick: () => this.file.click() });
    this.size = el('input', { type: 'range', min: '0.2', max: '4', step: '0.01' });
    this.size.addEventListener('input', () => this.scene.put({ scale: Number(this.size.value) }));
    this.flip = el('input', { type: 'checkbox', onchange: () => this.scene.put({ mirrored: this.flip.checked }) });
    this.flipCamera = el('input', { type: 'checkbox', checked: true, onchange: () => this.mirrorCamera(this.flipCamera.checked) });
    this.flipCameraLabel = el('label', { class: 'check' }, this.flipCamera, t('camera.mirror'));
    this.delay = el('input', { type: 'range', min: '0', max: '5', step: '0.1', value: '0' });
    this.delay.addEventListener('input', () => { this.figure.lag(Number(this.delay.value)); this.tell(); });
    this.delayText = el('output', { class: 'clock' });
    const whole = tool(t('place.reset'), 'whole', () => this.scene.reset());
    this.placing = el('fieldset', { class: 'placing' }, el('legend', { class: 'unseen', text: t('place.label') }),
      el('label', { class: 'range' }, t('place.size'), this.size), el('span', { class: 'row wrap' }, el('label', { class: 'check' }, this.flip, t('place.mirror')), this.flipCameraLabel, whole),
      el('p', { class: 'faint', text: t('place.hint') }));
    const delay = leader ? el('label', { class: 'range' }, t('delay.label'), this.delay, this.delayText) : null;
    const full = el('span', { class: 'row end' }, tool(t('player.full'), 'full', () => this.fullscreen()));
    return el('div', { class: 'controls' }, el('div', { class: 'row wrap' }, leader ? null : this.player(), this.choice, this.pick, this.file, full), this.placing, delay);
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.node.requestFullscreen?.().catch(() => {}); // not allowed: it stays as it is
  }

  /** A button to play where there is no player beside. */
  player() {
    const button = tool(t('player.play'), 'play', () => this.figure.toggle());
    const told = () => relabel(button, t(this.figure.video.paused ? 'player.play' : 'player.pause'), this.figure.video.paused ? 'play' : 'pause');
    this.figure.holder.addEventListener('play', told, true);
    this.figure.holder.addEventListener('pause', told, true);
    return button;
  }

  async choose(what) {
    this.chosen = what;
    this.camera.stop();
    say(this.message, '');
    if (what === 'picture' && this.picture) this.scene.before(this.picture);
    else if (what !== 'camera') this.scene.before(null);
    else await this.showCamera();
    if (what === 'picture' && !this.picture) this.file.click();
    this.tell();
  }

  async showCamera() {
    say(this.message, t('camera.asking'));
    try {
      await this.camera.start(() => this.scene.draw());
      if (this.chosen !== 'camera' || this.closed) { this.camera.stop(); return; }
      this.scene.before({ picture: this.camera.video, ...this.camera.size, mirrored: this.cameraMirrored });
      say(this.message, t('camera.stays'));
    } catch (err) {
      this.scene.before(null);
      say(this.message, err.message);
    }
  }

  mirrorCamera(mirrored) {
    this.cameraMirrored = mirrored;
    if (this.chosen === 'camera' && this.scene.behind) this.scene.before({ ...this.scene.behind, mirrored });
  }

  async showPicture() {
    const [file] = this.file.files;
    this.file.value = '';
    if (!file) return;
    try {
      const picture = await createImageBitmap(file);
      this.picture?.picture.close();
      this.picture = { picture, width: picture.width, height: picture.height, mirrored: false };
      this.scene.before(this.picture);
      say(this.message, '');
      this.tell();
    } catch {
      say(this.message, t('behind.unreadable'));
    }
  }

  /** Keeps the controls as the scene is. */
  tell() {
    const { scale, mirrored } = this.scene.place;
    this.placing.hidden = !this.scene.behind;
    this.pick.hidden = this.chosen !== 'picture';
    this.flipCameraLabel.hidden = this.chosen !== 'camera';
    this.size.value = String(scale);
    this.size.setAttribute('aria-valuetext', `${Math.round(scale * 100)} %`);
    this.flip.checked = mirrored;
    say(this.delayText, t('delay.seconds', { n: Number(this.delay.value).toFixed(1) }));
    this.delay.setAttribute('aria-valuetext', this.delayText.textContent);
  }

  close() {
    this.closed = true;
    this.camera.stop();
    this.figure.close();
    this.scene.close();
    this.picture?.picture.close();
  }
}
