// Plays the HLS presentation in a folder from start to end in Chromium through
// hls.js: play.mjs FOLDER SEEK. It starts on the lowest rung, asks for the highest,
// seeks to SEEK seconds once that is shown, and prints what it saw as JSON.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [folder, seek] = [process.argv[2], Number(process.argv[3])];
const player = createRequire(import.meta.url).resolve('hls.js').replace(/hls\.[^/]*$/, 'hls.min.js');
const patience = 40000; // ms
const types = { '.m3u8': 'application/vnd.apple.mpegurl', '.m4s': 'video/iso.segment', '.mp4': 'video/mp4' };

const requests = [];
const server = http.createServer((request, response) => {
  const name = new URL(request.url, 'http://localhost').pathname;
  const send = (type, body) => response.writeHead(200, { 'Content-Type': type }).end(body);
  if (name === '/') return send('text/html', '<!doctype html><link rel="icon" href="data:,"><video muted></video><script src="/player.js"></script>');
  if (name === '/player.js') return send('text/javascript', fs.readFileSync(player));
  const file = path.join(folder, path.normalize(name));
  if (!fs.existsSync(file)) return response.writeHead(404).end();
  requests.push(name);
  return send(types[path.extname(file)] ?? 'application/octet-stream', fs.readFileSync(file));
});
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const seen = await page.evaluate(async ([to, limit]) => {
    const video = document.querySelector('video');
    const out = { errors: [], stalls: [], rungs: [], heights: [] };
    const settled = { started: false, seeking: false };
    const until = (what, holds) => new Promise((resolve, reject) => {
      const began = performance.now();
      const look = () => {
        if (holds()) resolve();
        else if (performance.now() - began > limit) reject(new Error(`${what}: not within ${limit} ms, at ${video.currentTime} s, ${JSON.stringify(out)}`));
        else setTimeout(look, 20);
      };
      look();
    });
    const hls = new Hls({ startLevel: 0, enableWorker: false, debug: false });
    // A load that our own switch or seek has overtaken is given up, which is told as an error that is none.
    hls.on(Hls.Events.ERROR, (_, e) => { if (e.fatal || e.details !== Hls.ErrorDetails.INTERNAL_ABORTED) out.errors.push(e.details); });
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, e) => out.rungs.push(hls.levels[e.level].height));
    video.addEventListener('waiting', () => { if (settled.started && !settled.seeking) out.stalls.push(video.currentTime); });
    hls.loadSource('master.m3u8');
    hls.attachMedia(video);
    await until('read the master', () => hls.levels.length > 0);
    out.levels = hls.levels.map((level) => `${level.width}x${level.height}`);
    hls.currentLevel = 0;
    await video.play();
    await until('play', () => video.currentTime > 1);
    out.heights.push(video.videoHeight);
    settled.started = true;
    hls.nextLevel = hls.levels.length - 1;
    await until('change the rung', () => video.videoHeight === hls.levels.at(-1).height);
    out.heights.push(video.videoHeight);
    settled.seeking = true;
    video.currentTime = to;
    await until('seek', () => !video.seeking && video.currentTime > to + 0.1);
    settled.seeking = false;
    await until('end', () => video.ended);
    const quality = video.getVideoPlaybackQuality();
    out.ended = video.currentTime;
    out.duration = video.duration;
    out.buffered = Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
    out.frames = quality.totalVideoFrames;
    out.corrupted = quality.corruptedVideoFrames ?? 0;
    out.audio = video.webkitAudioDecodedByteCount;
    return out;
  }, [seek, patience]);
  process.stdout.write(`${JSON.stringify({ ...seen, requests })}\n`);
} finally {
  await browser.close();
  server.close();
}
