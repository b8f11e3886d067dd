// The list of jobs: what is shown, and listening to what runs.

import { listen } from '../call/api.js';
import { Row } from './row.js';

const listenTo = 2; // Each takes one of the few connections that a browser has to an origin.

export class JobList {
  constructor(node) {
    this.node = node;
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
      if (!row) this.rows.set(j.id, (row = new Row((told) => this.tell(told))));
      if (!this.listening.has(j.id)) row.update(j);
      const place = before ? before.nextSibling : this.node.firstChild;
      if (row.node !== place) this.node.insertBefore(row.node, place);
      before = row.node;
    }
    for (const [id, row] of this.rows) {
      if (!seen.has(id)) { row.node.remove(); this.rows.delete(id); this.deafen(id); }
    }
    for (const j of jobs) {
      if (j.state === 'running' && this.listening.size < listenTo && !this.listening.has(j.id)) {
        this.listening.set(j.id, listen(j.id, (told) => this.tell(told), () => this.deafen(j.id)));
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

  /** Forgets what is shown, as after a change of the language. */
  clear() {
    this.rest();
    for (const row of this.rows.values()) row.node.remove();
    this.rows.clear();
  }
}
