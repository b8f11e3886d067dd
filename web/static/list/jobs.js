// The jobs' part of the page: asked for every two seconds while somebody
// looks, narrowed by state, profile and the letters of the search.

import { jobs as fetchJobs } from '../call/api.js';
import { el, say } from '../dom/el.js';
import { t } from '../i18n/i18n.js';
import { JobList } from './list.js';

const $ = (id) => document.getElementById(id);
const pollEvery = 2000; // ms
const searched = 200; // jobs a page while searching
const searchPages = 5; // pages that one search reads by itself

const groups = {
  all: [], active: ['queued', 'running', 'failed'], succeeded: ['succeeded'], dead: ['dead'], ended: ['cancelled', 'superseded'],
};

const plain = (text) => text.normalize('NFC').toLocaleLowerCase();

export class Jobs {
  /** online is told whether the stage answers. */
  constructor(online) {
    this.online = online;
    this.list = new JobList($('jobs'));
    this.older = []; // pages beyond the first
    this.cursor = '';
    $('more').addEventListener('click', () => this.more(1));
    $('filter').addEventListener('submit', (event) => event.preventDefault());
    for (const id of ['by-state', 'by-profile']) $(id).addEventListener('change', () => this.again());
    $('search').addEventListener('input', () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.again(), 200);
    });
    this.tick();
  }

  /** Says which profiles there are. */
  open(stage) {
    this.profiles = stage.profiles;
    this.translate();
  }

  translate() {
    const select = (node, options) => {
      const { value } = node;
      node.replaceChildren(...options.map(([v, text]) => el('option', { value: v, text, selected: v === value })));
    };
    select($('by-state'), Object.keys(groups).map((group) => [group, t(`filter.${group}`)]));
    select($('by-profile'), [['', t('filter.profiles')], ...(this.profiles ?? []).map((p) => [p, p])]);
    this.list.clear();
    this.refresh();
  }

  get term() { return plain($('search').value.trim()); }

  get wanted() {
    return { states: groups[$('by-state').value] ?? [], profile: $('by-profile').value, limit: this.term ? searched : 30 };
  }

  get away() { return document.hidden || $('home').hidden; }

  /** Begins anew with what is wanted now. */
  async again() {
    this.older = [];
    this.cursor = '';
    await this.refresh();
    if (this.term) await this.more(searchPages - 1);
  }

  async refresh() {
    if (this.away) return;
    const asked = JSON.stringify(this.wanted);
    try {
      const page = await fetchJobs(this.wanted);
      this.online(true);
      if (asked !== JSON.stringify(this.wanted)) return; // another question by now
      if (this.older.length === 0) this.cursor = page.cursor ?? '';
      this.first = page.jobs;
      this.show();
    } catch (err) {
      this.failed(err);
    }
  }

  /** Reads further pages, as many as are asked for, if there are. */
  async more(pages) {
    const asked = JSON.stringify(this.wanted);
    try {
      for (let i = 0; i < pages && this.cursor; i++) {
        const page = await fetchJobs({ ...this.wanted, cursor: this.cursor });
        if (asked !== JSON.stringify(this.wanted)) return;
        this.older.push(...page.jobs);
        this.cursor = page.cursor ?? '';
        this.show();
      }
    } catch (err) {
      this.failed(err);
    }
  }

  /** Says why there is no list, or no newer one; that nobody answers stands at the top. */
  failed(err) {
    this.online(err.status !== 0);
    if (!err.status) return;
    $('empty').hidden = false;
    say($('empty'), err.message);
  }

  show() {
    const fresh = new Set(this.first.map((j) => j.id));
    const all = [...this.first, ...this.older.filter((j) => !fresh.has(j.id))];
    const { term } = this;
    const shown = term ? all.filter((j) => plain(j.name).includes(term) || j.id.startsWith(term)) : all;
    this.list.show(shown);
    const narrowed = term || $('by-state').value !== 'all' || $('by-profile').value;
    $('empty').hidden = shown.length > 0;
    say($('empty'), t(narrowed ? 'jobs.none' : 'jobs.nothing'));
    say($('found'), term ? t('jobs.found', { n: shown.length, all: all.length }) : '');
    $('more').hidden = !this.cursor;
  }

  async tick() {
    await this.refresh();
    setTimeout(() => this.tick(), pollEvery);
  }
}
