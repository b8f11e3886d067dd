// The list of jobs, and the pieces of a job that the list and the view of one
// job share.

import { cancelJob, isFinal, listen, retryJob } from './api.js';
import { ago, bytes, el, rest, say } from './dom.js';

const labels = {
  queued: 'Queued', running: 'Running', failed: 'Will be tried again', succeeded: 'Done',
  dead: 'Failed', cancelled: 'Cancelled', superseded: 'Replaced by a newer upload',
};

const steps = {
  claimed: 'Starting', probe: 'Looking at the file', fetch: 'Fetching the file',
  analyse: 'Finding pose and silhouette', encode: 'Encoding', store: 'Storing the results',
};

export const stepName = (step) => steps[step] ?? (step ? step[0].toUpperCase() + step.slice(1) : 'Starting');

export function pill(state) {
  return el('span', { class: `pill ${state}`, text: labels[state] ?? state });
}

export function setPill(node, state) {
  node.className = `pill ${state}`;
  say(node, labels[state] ?? state);
}

/** Step, bar, speed and rest of a running job, kept up to date by update. */
export class ProgressLine {
  constructor() {
    this.step = el('span');
    this.bar = el('progress', { max: '1', 'aria-label': 'Progress' });
    this.figures = el('span', { class: 'faint' });
    this.node = el('div', { class: 'progress' }, el('div', { class: 'row spread' }, this.step, this.figures), this.bar);
  }

  update(j) {
    this.node.hidden = j.state !== 'running';
    if (this.node.hidden) return;
    const p = j.progress;
    say(this.step, stepName(p.step) + (j.attempt > 1 ? `, attempt ${j.attempt}` : ''));
    if (p.total > 0) this.bar.value = Math.min(1, p.done / p.total); else this.bar.removeAttribute('value');
    const figures = [];
    if (p.total > 0) figures.push(`${Math.floor((100 * p.done) / p.total)} %`);
    if (p.fps > 0) figures.push(`${p.fps.toFixed(p.fps < 10 ? 1 : 0)} frames/s`);
    if (rest(p.eta_s)) figures.push(rest(p.eta_s));
    say(this.figures, figures.join(' · '));
  }
}

/** Why a job failed, and what to do about it. */
export function failure(j) {
  if (!j.error || j.state === 'succeeded' || j.state === 'running') return null;
  const { finding, remedy } = parts(j.error);
  return el('div', { class: 'failure' },
    el('p', {}, el('strong', { text: j.error.title }), ` (${j.error.kind})`),
    el('p', { class: 'finding', text: finding }),
    el('p', { text: advice(j, remedy) }));
}

/** A message often ends with a remedy of its own, which knows more than the kind's. */
function parts({ message, remedy }) {
  const cut = message.lastIndexOf('. ');
  const last = message.slice(cut + 2);
  return cut > 0 && /^[A-Z]/.test(last) ? { finding: message.slice(0, cut + 1), remedy: last } : { finding: message, remedy };
}

function advice(j, text) {
  if (j.state === 'dead') text = text.replace('; the job is tried again', '').replace('The job is tried again; ', '').replace(/^./, (c) => c.toUpperCase());
  if (j.state === 'failed' && j.due_at) text += ` Next try ${new Date(j.due_at).toLocaleTimeString()}.`;
  return text;
}

/** The buttons that a job in this state has. told is called with the answer. */
export function actions(j, told) {
  const act = (label, call, kind) => el('button', {
    type: 'button', class: kind, text: label, 'aria-label': `${label} ${j.name}`,
    onclick: async (event) => {
      const button = event.currentTarget;
      button.disabled = true;
      try {
        const answer = await call(j.id);
        if (call === retryJob) { say(button, 'Asked for'); return; } // the state changes when a worker has read it
        told(answer);
      } catch (err) {
        button.after(el('span', { class: 'bad-text', role: 'alert', text: err.message }));
        button.disabled = false;
      }
    },
  });
  if (!isFinal(j.state)) return [act('Cancel', cancelJob, 'quiet')];
  if (j.state === 'dead' || j.state === 'cancelled') return [act('Try again', retryJob, j.error?.permanent ? 'quiet' : '')];
  return [];
}

/** One job in the list. */
class Row {
  constructor(list) {
    this.list = list;
    this.title = el('a', { class: 'title' });
    this.pill = pill('queued');
    this.facts = el('p', { class: 'faint' });
    this.progress = new ProgressLine();
    this.trouble = el('div');
    this.buttons = el('div', { class: 'buttons' });
    this.node = el('li', { class: 'card job' },
      el('div', { class: 'row spread' }, this.title, this.pill), this.facts, this.progress.node, this.trouble, this.buttons);
    this.shown = '';
  }

  update(j) {
    this.job = j;
    this.title.href = `#/jobs/${j.id}`;
    say(this.title, j.name);
    setPill(this.pill, j.state);
    say(this.facts, [j.profile, bytes(j.source.bytes), ago(j.created_at)].filter(Boolean).join(' · '));
    this.progress.update(j);
    const key = JSON.stringify([j.state, j.error, j.due_at, j.fence]);
    if (key !== this.shown) { // buttons keep the focus as long as nothing has changed
      this.shown = key;
      this.trouble.replaceChildren(...[failure(j)].filter(Boolean));
      this.buttons.replaceChildren(...actions(j, (answer) => this.list.tell(answer)));
    }
  }
}

/** The list: polled by its owner, and listening to what runs (two at most). */
export class JobList {
  constructor(node, empty) {
    Object.assign(this, { node, empty });
    this.rows = new Map();
    this.listening = new Map();
  }

  /** Shows these jobs in this order. */
  show(jobs) {
    const seen = new Set();
    let before = null;
    for (const j of jobs) {
      seen.add(j.id);
      let row = this.rows.get(j.id);
      if (!row) this.rows.set(j.id, (row = new Row(this)));
      if (!this.listening.has(j.id)) row.update(j);
      const place = before ? before.nextSibling : this.node.firstChild;
      if (row.node !== place) this.node.insertBefore(row.node, place);
      before = row.node;
    }
    for (const [id, row] of this.rows) {
      if (!seen.has(id)) { row.node.remove(); this.rows.delete(id); this.deafen(id); }
    }
    this.empty.hidden = jobs.length > 0;
    for (const j of jobs) {
      if (j.state === 'running' && this.listening.size < 2 && !this.listening.has(j.id)) {
        this.listening.set(j.id, listen(j.id, (told) => this.tell(told)));
      }
    }
  }

  /** Shows a job anew. */
  tell(j) {
    this.rows.get(j.id)?.update(j);
    if (j.state !== 'running') this.deafen(j.id);
  }

  deafen(id) {
    this.listening.get(id)?.();
    this.listening.delete(id);
  }

  /** Stops listening, as while another view is shown. */
  rest() {
    for (const id of [...this.listening.keys()]) this.deafen(id);
  }
}

