// Where a player's pictures come from: the ladder of HLS where there is one,
// else the file. hls.js is loaded only when it is needed.

const nativeType = 'application/vnd.apple.mpegurl';

/** Safari plays HLS by itself, and the better for it; others say so and are helped. */
function playsNatively(video) {
  return typeof video.webkitSetPresentationMode === 'function' && video.canPlayType(nativeType) !== '';
}

export class Source {
  /** changed is called when the rungs or the one that plays change; failed with an Error. */
  constructor(video, { changed, failed }) {
    Object.assign(this, { video, changed, failed });
    this.rungs = []; // heights in px
    this.hls = null;
    this.turn = 0;
  }

  /** Whether there is something to choose. */
  get adaptive() { return Boolean(this.hls) || this.native; }

  /** The height that plays now; 0 while unknown. */
  get height() { return this.hls?.levels[this.hls.currentLevel]?.height ?? this.video.videoHeight; }

  /** Plays from the files; want is 'auto', 'file' or a rung's height. Keeps the place. */
  async open(files, want = 'auto') {
    const turn = ++this.turn;
    const { video } = this;
    const [time, playing, rate] = [video.currentTime, this.opened && !video.paused, video.playbackRate];
    this.opened = true;
    this.close();
    this.native = Boolean(files.hls) && want !== 'file' && playsNatively(video);
    if (this.native) video.src = files.hls;
    else if (files.hls && want !== 'file') {
      const Hls = await load();
      if (turn !== this.turn) return;
      if (Hls?.isSupported()) this.ladder(Hls, files, want, time); else video.src = files.video;
    } else video.src = files.video;
    if (!this.hls && time > 0) video.currentTime = time;
    video.playbackRate = rate;
    if (playing) video.play().catch(() => {});
    this.changed();
  }

  ladder(Hls, files, want, time) {
    // A worker would be made of a blob, which the page's policy forbids; segments of MP4 need none.
    const hls = new Hls({ audioStreamController: firstSound(Hls), enableWorker: false, capLevelToPlayerSize: want === 'auto', startPosition: time > 0 ? time : -1 });
    this.hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, () => {
      this.rungs = hls.levels.map((level) => level.height).sort((a, b) => b - a);
      this.choose(want);
    });
    hls.on(Hls.Events.LEVEL_SWITCHED, () => this.changed());
    hls.on(Hls.Events.ERROR, (_, error) => {
      if (!error.fatal || this.hls !== hls) return;
      if (error.type === Hls.ErrorTypes.MEDIA_ERROR && !hls.recovered) { hls.recovered = true; hls.recoverMediaError(); return; }
      if (files.video) this.open(files, 'file'); // the file may do where the ladder does not
      else this.failed(new Error(error.details));
    });
    hls.loadSource(files.hls);
    hls.attachMedia(this.video);
  }

  /** Takes a rung by its height, or lets the bandwidth decide. */
  choose(want) {
    const { hls } = this;
    if (!hls) return;
    const level = hls.levels.findIndex((l) => l.height === Number(want));
    hls.autoLevelCapping = -1;
    hls.capLevelToPlayerSize = level < 0;
    hls.nextLevel = level;
    this.changed();
  }

  close() {
    this.hls?.destroy();
    this.hls = null;
    this.native = false;
    this.rungs = [];
    this.video.removeAttribute('src');
    this.video.load();
  }
}

/**
 * hls.js's class for sound, but that the first sound is there as soon as it is
 * buffered. hls.js itself (1.7.4) waits until a frame is shown before it says
 * where the film ends, and a browser that does not know that waits with the last
 * frames: who began at the end would never see one.
 */
function firstSound(Hls) {
  return class extends Hls.DefaultConfig.audioStreamController {
    onFragBuffered(event, data) {
      const none = !this.bufferedTrack;
      super.onFragBuffered(event, data);
      if (none && this.bufferedTrack && this.switchingTrack) this.completeAudioSwitch(this.switchingTrack);
    }
  };
}

/** The class of hls.js, or null where it cannot be loaded. */
async function load() {
  try {
    return (await import('../vendor/hls/hls.js')).default;
  } catch {
    return null;
  }
}
