// The share links of a job that are good, and calling them back.

import { endShare, shares } from '../call/api.js';
import { el, say } from '../dom/el.js';
import { moment } from '../dom/format.js';
import { t } from '../i18n/i18n.js';

/** A list that is fetched when it is opened: who came by a link may not see it. */
export class Links {
  constructor(job) {
    this.job = job;
    this.list = el('ul', { class: 'links' });
    this.told = el('p', { class: 'faint', role: 'status' });
    this.summary = el('summary', { text: t('share.list') });
    this.node = el('details', { ontoggle: () => { if (this.node.open) this.load(); } }, this.summary, this.list, this.told);
  }

  /** Shows the list as it is now; what is told of it comes beneath. */
  async load(told = '') {
    try {
      const { links } = await shares(this.job);
      this.list.replaceChildren(...links.map((link) => this.row(link)));
      say(this.told, told || (links.length === 0 ? t('share.none') : ''));
    } catch (err) {
      this.list.replaceChildren();
      say(this.told, err.status === 409 ? t('share.free') : err.message); // 409: nobody signs in here
    }
  }

  /** Fetches the list anew where it is to be seen. */
  refresh() { if (this.node.open) this.load(); }

  row(link) {
    const given = t(link.by ? 'share.given.by' : 'share.given', { by: link.by, made: moment(link.created_at), until: moment(link.expires_at) });
    const end = el('button', { type: 'button', class: 'quiet', text: t('share.end'), 'aria-label': `${t('share.end')}: ${given}`, onclick: () => this.end(link, end) });
    return el('li', { class: 'row spread wrap' }, el('span', { text: given }), end);
  }

  async end(link, button) {
    button.disabled = true;
    try {
      await endShare(this.job, link.id);
      await this.load(t('share.ended'));
      this.summary.focus(); // the button is gone
    } catch (err) {
      button.disabled = false;
      say(this.told, err.message);
    }
  }
}
