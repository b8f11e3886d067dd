// One job in the list.

import { announce, el, say } from '../dom/el.js';
import { ago, bytes } from '../dom/format.js';
import { t } from '../i18n/i18n.js';
import { pill, ProgressLine, setPill } from './progress.js';
import { actions, failure } from './trouble.js';

export class Row {
  /** tell is called with what the API answers to a button. */
  constructor(tell) {
    this.tell = tell;
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
    if (this.job && this.job.state !== j.state) announce(`${j.name}: ${t(`state.${j.state}`)}`);
    this.job = j;
    this.node.dataset.state = j.state;
    this.title.href = `#/jobs/${j.id}`;
    say(this.title, j.name);
    setPill(this.pill, j.state);
    const attempt = j.attempt > 1 ? t('row.attempts', { n: j.attempt }) : '';
    say(this.facts, [j.profile, bytes(j.source.bytes), ago(j.created_at), attempt].filter(Boolean).join(' · '));
    this.progress.update(j);
    const key = JSON.stringify([j.state, j.error, j.due_at, j.fence]);
    if (key !== this.shown) { // buttons keep the focus as long as nothing has changed
      this.shown = key;
      this.trouble.replaceChildren(...[failure(j)].filter(Boolean));
      this.buttons.replaceChildren(...actions(j, this.tell));
    }
  }
}
