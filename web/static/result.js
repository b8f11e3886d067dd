// The view of one job: how it is going and, once it has succeeded, its result.

import { call, fileURL, isFinal, job as fetchJob, listen } from './api.js';
import { bytes, clock, el, moment, say } from './dom.js';
import { actions, failure, pill, ProgressLine, setPill } from './jobs.js';
import { Player } from './player.js';
import { Silhouette } from './silhouette.js';

const askAgain = 3000; // ms

const starterWarning = 'These results were made by the built-in starter models; real footage wants a pulled model. See motionmill models.';

const fileWords = {
  'video.mp4': 'The video for the web', 'overlay.mp4': 'The skeleton drawn on the video', 'pose.json.gz': 'The pose track',
  'silhouette.webm': 'The person with a transparent background (VP9)', 'silhouette.mp4': 'Colour above matte, for players without transparency',
  'poster.jpg': 'A still', 'sprite.jpg': 'Thumbnails', 'sprite.vtt': 'Where each thumbnail lies', 'hls/master.m3u8': 'Adaptive streaming (HLS)',
  'manifest.json': 'What was made, of what and how',
};

export class ResultView {
  constructor(node, id, online) {
    Object.assign(this, { node, id, online });
    this.closers = [];
    this.closed = false;
    this.title = el('h1');
    this.pill = pill('queued');
    this.facts = el('p', { class: 'faint' });
    this.progress = new ProgressLine();
    this.trouble = el('div');
    this.buttons = el('div', { class: 'buttons' });
    this.result = el('div');
    this.history = el('div');
    node.replaceChildren(el('p', {}, el('a', { href: '#/', text: '← All jobs' })),
      el('section', { class: 'card' }, el('div', { class: 'row spread wrap' }, this.title, this.pill), this.facts, this.progress.node, this.trouble, this.buttons),
      this.result, this.history);
    this.load();
  }

  async load() {
    try {
      const j = await fetchJob(this.id);
      if (this.closed) return;
      this.online(true);
      this.update(j);
      if (!isFinal(j.state)) this.watch();
    } catch (err) {
      if (this.closed) return;
      this.online(err.status !== 0);
      if (err.status === 404) {
        say(this.title, 'No such job');
        this.pill.hidden = true;
        say(this.facts, err.message);
        return;
      }
      say(this.facts, err.message);
      this.loadLater();
    }
  }

  watch() {
    this.deafen?.();
    this.deafen = listen(this.id, (j) => {
      if (this.closed) return;
      this.update(j);
      if (j.state === 'succeeded') this.load(); // for the files, which events leave out
    });
  }

  /** Asks for the job again in a while, once however often this is called. */
  loadLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), askAgain);
  }

  update(j) {
    document.title = `${j.name} · Motionmill`;
    say(this.title, j.name);
    setPill(this.pill, j.state);
    say(this.facts, [`Profile ${j.profile}`, bytes(j.source.bytes), `uploaded ${moment(j.created_at)}`, j.attempt > 1 ? `attempt ${j.attempt}` : '']
      .filter(Boolean).join(' · '));
    this.progress.update(j);
    const key = JSON.stringify([j.state, j.error, j.due_at, j.fence]);
    if (key !== this.shown) {
      this.shown = key;
      this.trouble.replaceChildren(...[failure(j), lastLines(j)].filter(Boolean));
      this.buttons.replaceChildren(...actions(j, (answer) => this.update(answer)));
      this.history.replaceChildren(...[attempts(j)].filter(Boolean));
    }
    if (j.state === 'dead' || j.state === 'cancelled') this.loadLater(); // a retry may put it back
    if (j.state === 'succeeded' && j.outputs && !this.built) {
      this.built = true;
      this.build(j);
    }
  }

  async build(j) {
    const has = (path) => (j.outputs.some((out) => out.path === path) ? fileURL(j.id, path) : undefined);
    const starter = el('p', { class: 'notice', text: starterWarning });
    starter.hidden = !(j.models ?? []).some((model) => model.starter);
    const panels = el('div', { class: 'panels' });
    let player = null;
    if (has('video.mp4') || has('overlay.mp4')) {
      player = new Player({ video: has('video.mp4'), overlay: has('overlay.mp4'), pose: has('pose.json.gz'), poster: has('poster.jpg') });
      panels.append(el('section', { class: 'card' }, el('h2', { text: 'Video' }), player.node));
      this.closers.push(() => player.close());
    }
    if (has('silhouette.webm') || has('silhouette.mp4')) {
      const cut = new Silhouette({ webm: has('silhouette.webm'), stacked: has('silhouette.mp4') }, player?.video ?? null);
      panels.append(el('section', { class: 'card' }, el('h2', { text: 'Silhouette' }), cut.node));
      this.closers.push(() => cut.close());
    }
    if (panels.children.length === 1) panels.classList.add('single');
    const made = el('div');
    this.result.replaceChildren(starter, panels, fileTable(j), made);
    try {
      const manifest = await call('GET', fileURL(j.id, 'manifest.json'));
      if ((manifest.models ?? []).some((model) => model.rank === 0 || model.name.startsWith('starter-'))) starter.hidden = false;
      made.replaceChildren(howItWasMade(manifest));
    } catch (err) {
      made.replaceChildren(el('p', { class: 'faint', text: `The manifest could not be read: ${err.message}` }));
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.deafen?.();
    for (const close of this.closers.splice(0)) close();
    this.node.replaceChildren();
  }
}

function fileTable(j) {
  const row = (path, size, kind) => el('tr', {},
    el('td', {}, el('a', { href: fileURL(j.id, path), text: path, target: '_blank', rel: 'noopener' })),
    el('td', { class: 'faint wide', text: fileWords[path] ?? kind ?? '' }),
    el('td', { class: 'number', text: bytes(size) }),
    el('td', {}, el('a', { class: 'button quiet', href: fileURL(j.id, path, true), text: 'Save', 'aria-label': `Save ${path}` })));
  return el('section', { class: 'card' }, el('h2', { text: 'Files' }),
    el('table', {}, el('thead', { class: 'unseen' }, el('tr', {}, ...['File', 'What', 'Size', 'Save'].map((text) => el('th', { scope: 'col', text })))),
      el('tbody', {}, ...j.outputs.filter((out) => !out.path.startsWith('hls/') || out.path === 'hls/master.m3u8').map((out) => row(out.path, out.bytes, out.type)), row('manifest.json', undefined, ''))));
}

function howItWasMade(m) {
  const facts = [];
  const fact = (name, value) => { if (value) facts.push(el('dt', { text: name }), el('dd', { text: value })); };
  const input = m.input ?? {};
  fact('Source', [input.width && `${input.width}×${input.height}`, input.frame_rate && `${rate(input.frame_rate)} frames/s`,
    input.duration_s && clock(input.duration_s), Array.isArray(input.codecs) ? input.codecs.join(', ') : input.codecs, input.container]
    .filter((part) => typeof part === 'string' && part).join(' · '));
  for (const model of m.models ?? []) fact('Model', [model.name, model.family, model.provider && `on ${model.provider}`].filter(Boolean).join(' · '));
  for (const step of m.steps ?? []) fact(step.name, [`${step.seconds.toFixed(1)} s`, step.frames && `${step.frames} frames`].filter(Boolean).join(' · '));
  fact('Made with', Object.entries(m.tools ?? {}).map(([tool, version]) => `${tool} ${version}`).join(' · '));
  fact('Finished', moment(m.finished_at));
  fact('SHA-256 of the source', m.source?.sha256);
  return el('details', { class: 'card' }, el('summary', { text: 'How it was made' }), el('dl', {}, ...facts));
}

function rate(value) {
  if (typeof value === 'string') {
    const [a, b] = value.split('/').map(Number);
    return b ? String(Math.round((100 * a) / b) / 100) : value;
  }
  return String(Math.round(100 * value) / 100);
}

function lastLines(j) {
  const lines = j.state === 'dead' || j.state === 'failed' ? j.error?.stderr : null;
  if (!lines?.length) return null;
  return el('details', {}, el('summary', { text: 'The last lines of the program that failed' }), el('pre', { text: lines.join('\n') }));
}

function attempts(j) {
  if (j.history.length === 0 || (j.history.length === 1 && j.state === 'succeeded')) return null;
  return el('details', { class: 'card' }, el('summary', { text: `Attempts (${j.history.length})` }),
    el('ol', { class: 'attempts' }, ...j.history.map((h) => el('li', {},
      el('span', { text: `${h.outcome || 'running'} · ${moment(h.started_at)}${h.ended_at ? ` to ${moment(h.ended_at)}` : ''} · ${h.worker}` }),
      h.error ? el('p', { class: 'faint finding', text: `${h.error.title}: ${h.error.message}` }) : null))));
}
