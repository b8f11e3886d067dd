// What players share: each shown frame, addresses that run out, and where a
// picture lies in its box.

/**
 * Calls back with the media time of every frame that is shown, once the frame
 * can be drawn as well. Returns a function that ends it.
 */
export function eachFrame(video, callback) {
  let over = false;
  let shown = null; // the time of a frame that cannot be drawn yet: after a seek it may be seen before the player is ready
  const ready = () => {
    if (over || shown === null || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    const time = shown;
    shown = null;
    callback(time);
  };
  const exact = 'requestVideoFrameCallback' in video;
  const each = (_, frame) => {
    if (over) return;
    shown = frame.mediaTime;
    ready();
    video.requestVideoFrameCallback(each);
  };
  const roughly = () => {
    if (over) return;
    shown = video.currentTime;
    ready();
    if (!video.paused) requestAnimationFrame(roughly);
  };
  const listeners = exact ? { seeked: ready, canplay: ready, loadeddata: ready } : { seeked: roughly, play: roughly, loadeddata: roughly };
  for (const [name, does] of Object.entries(listeners)) video.addEventListener(name, does);
  if (exact) video.requestVideoFrameCallback(each);
  return () => {
    over = true;
    for (const [name, does] of Object.entries(listeners)) video.removeEventListener(name, does);
  };
}

/** Loads a video again once its short-lived address has run out. */
export function renewing(video) {
  let last = 0;
  video.addEventListener('error', () => {
    if (!video.currentSrc || video.currentSrc.startsWith('blob:') || Date.now() - last < 60_000) return;
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
  return placed(width, height, boxWidth, boxHeight, Math.min(boxWidth / width, boxHeight / height));
}

/** Where a picture lies in a box that it fills, its edges cut off. */
export function cover(width, height, boxWidth, boxHeight) {
  return placed(width, height, boxWidth, boxHeight, Math.max(boxWidth / width, boxHeight / height));
}

function placed(width, height, boxWidth, boxHeight, scale) {
  return { x: (boxWidth - width * scale) / 2, y: (boxHeight - height * scale) / 2, width: width * scale, height: height * scale };
}

/** Makes a canvas as many pixels large as its place on the screen has. */
export function fit(canvas, screen) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [Math.round(screen.clientWidth * ratio), Math.round(screen.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return { width, height };
}
