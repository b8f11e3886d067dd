// The viewer's camera. Its pictures stay in the browser.

import { el } from '../dom/el.js';
import { t } from '../i18n/i18n.js';
import { eachFrame } from '../player/frames.js';

export class Camera {
  constructor() {
    this.video = el('video', { muted: true, playsinline: true, autoplay: true });
    this.video.muted = true;
  }

  /** Starts it; each is called with every picture. Fails with an Error in words. */
  async start(each) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error(t('camera.insecure'));
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: { ideal: 1280 } }, audio: false });
    } catch (err) {
      const key = { NotAllowedError: 'camera.refused', NotFoundError: 'camera.none', NotReadableError: 'camera.busy' }[err.name];
      throw new Error(key ? t(key) : t('camera.failed', { error: err.message }));
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    this.deafen = eachFrame(this.video, each);
  }

  get size() { return { width: this.video.videoWidth, height: this.video.videoHeight }; }

  stop() {
    this.deafen?.();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}
