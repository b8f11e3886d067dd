// The view of one job: how it is going and, once it has succeeded, its result.

import { call, isFinal, job as fetchJob, listen } from '../call/api.js';
import { fileURL, playable } from '../call/files.js';
import { announce, el, say } from '../dom/el.js';
import { bytes, moment } from '../dom/format.js';
import { t } from '../i18n/i18n.js';
import { pill, ProgressLine, setPill } from '../list/progress.js';
import { actions, failure } from '../list/trouble.js';
import { Player } from '../player/player.js';
import { SilhouettePanel } from '../silhouette/panel.js';
import { Curves } from './curves.js';
import { fileTable } from './files.js';
import { attempts, lastLines } from './history.js';
import { howItWasMade } from './made.js';
import { sharing } from './sharing.js';

const askAgain = 3000; // ms

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
    node.replaceChildren(el('p', {}, el('a', { href: '#/', text: t('result.all') })),
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
      if (j.state === 'succeeded' && !j.outputs) this.result.replaceChildren(el('p', { class: 'notice', text: t('result.gone') }));
    } catch (err) {
      if (this.closed) return;
      this.online(err.status !== 0);
      say(this.facts, err.message);
      if (err.status === 404) {
        say(this.title, t('result.none'));
        this.pill.hidden = true;
        return;
      }
      this.loadLater();
    }
  }

  watch() {
    this.deafen?.();
    this.deafen = listen(this.id, (j) => {
      if (this.closed) return;
      this.update(j);
      if (j.state === 'succeeded') this.load(); // for the files, which events leave out
    }, () => { if (!this.closed) this.loadLater(); });
  }

  /** Asks for the job again in a while, once however often this is called. */
  loadLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), askAgain);
  }

  update(j) {
    document.title = `${j.name} · Motionmill`;
    if (this.state && this.state !== j.state) announce(`${j.name}: ${t(`state.${j.state}`)}`);
    this.state = j.state;
    say(this.title, j.name);
    setPill(this.pill, j.state);
    say(this.facts, [t('result.profile', { profile: j.profile }), bytes(j.source.bytes), t('result.uploaded', { time: moment(j.created_at) }),
      j.attempt > 1 ? t('result.attempt', { n: j.attempt }) : ''].filter(Boolean).join(' · '));
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
    const starter = el('p', { class: 'notice', text: t('result.starter') });
    starter.hidden = !(j.models ?? []).some((model) => model.starter);
    const made = el('div');
    this.result.replaceChildren(starter, this.panels(j), ...this.curves(), sharing(j), fileTable(j), made);
    try {
      const manifest = await call('GET', fileURL(j.id, 'manifest.json'));
      if (this.closed) return;
      if ((manifest.models ?? []).some((model) => model.rank === 0 || model.name.startsWith('starter-'))) starter.hidden = false;
      made.replaceChildren(howItWasMade(manifest));
    } catch (err) {
      made.replaceChildren(el('p', { class: 'faint', text: t('made.unreadable', { error: err.message }) }));
    }
  }

  /** The player and the silhouette beside it, as far as there are files for them. */
  panels(j) {
    const files = playable(j);
    const panels = el('div', { class: 'panels' });
    const add = (title, part) => {
      panels.append(el('section', { class: 'card' }, el('h2', { text: t(title) }), part.node));
      this.closers.push(() => part.close());
    };
    if (files.hls || files.video || files.overlay) {
      this.player = new Player(files, { shape: j.outputs.find((out) => out.path === 'video.mp4' && out.width && out.height) });
      add('result.video', this.player);
    }
    if (files.webm || files.stacked) add('result.silhouette', new SilhouettePanel(files, this.player?.video ?? null));
    if (panels.children.length === 1) panels.classList.add('single');
    return panels;
  }

  /** The plots beneath, where there are poses. */
  curves() {
    if (!this.player?.files.pose) return [];
    const curves = new Curves(this.player);
    this.closers.push(() => curves.close());
    return [curves.node];
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.deafen?.();
    for (const close of this.closers.splice(0)) close();
    this.node.replaceChildren();
  }
}
