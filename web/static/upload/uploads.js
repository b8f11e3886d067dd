// The card with which people bring videos: drop, choose, or a link.

import { call, createImport } from '../call/api.js';
import { announce, el, say } from '../dom/el.js';
import { bytes } from '../dom/format.js';
import { has, t } from '../i18n/i18n.js';
import * as bookmarks from './bookmarks.js';
import { wireChoosing } from './choose.js';
import { importRow, refusal, unfinishedRow, uploadRow } from './row.js';
import { Upload, UploadQueue } from './upload.js';

const $ = (id) => document.getElementById(id);

export class Uploads {
  /** arrived is called with the id of a new job. */
  constructor(arrived) {
    this.arrived = arrived;
    this.stage = null;
    this.queue = new UploadQueue();
    this.rows = [];
    wireChoosing({ place: $('drop'), files: $('files'), folder: $('folder') }, (files, skipped) => this.take(files, skipped),
      (err) => this.tell(t('upload.unreadable', { error: err.message })));
    $('choose-folder').addEventListener('click', () => $('folder').click());
    $('uploader').addEventListener('submit', (event) => { event.preventDefault(); this.fetch(); });
    $('profile').addEventListener('change', () => this.hint());
    globalThis.addEventListener('beforeunload', (event) => { if (this.queue.busy) event.preventDefault(); });
    this.showUnfinished();
  }

  /** Says what the stage takes. */
  open(stage) {
    this.stage = stage;
    $('profile').replaceChildren(...stage.profiles.map((p) => el('option', { value: p, text: p, selected: p === stage.default_profile })));
    this.translate();
  }

  /** Says everything in the language of now. */
  translate() {
    if (this.stage) say($('limit'), t('upload.limit', { size: bytes(this.stage.max_bytes) }));
    this.hint();
    for (const row of this.rows) row.say();
  }

  hint() {
    const key = `profile.${$('profile').value}`;
    say($('profile-hint'), has(key) ? t(key) : '');
  }

  take(files, skipped) {
    if (document.getElementById('home').hidden) location.hash = '#/';
    this.tell(skipped > 0 ? t('upload.skipped', { n: skipped }) : '');
    for (const file of files) this.start(file, $('profile').value);
  }

  /** Says something of what was dropped or chosen. */
  tell(text) {
    say($('skipped'), text);
    if (text) announce(text);
  }

  start(file, profile) {
    const mark = bookmarks.noteOf(file);
    if (mark) [...$('uploads').children].find((node) => node.dataset.key === mark.key)?.remove();
    const why = this.refuses(file);
    if (why) { $('uploads').prepend(refusal(file.name, why)); announce(`${file.name}: ${why}`); return; }
    const row = uploadRow(file, (changed) => new Upload(file, mark?.profile ?? profile, changed), this.queue, {
      retry: () => this.start(file, profile), arrived: this.arrived,
    });
    this.rows.push(row);
    $('uploads').prepend(row.node);
    this.queue.add(row.upload);
  }

  refuses(file) {
    if (file.size === 0) return t('upload.empty');
    if (this.stage && file.size > this.stage.max_bytes) return t('upload.large', { size: bytes(file.size), most: bytes(this.stage.max_bytes) });
    return '';
  }

  /** Has the stage fetch the video of the link. */
  async fetch() {
    const field = $('link');
    const url = field.value.trim();
    if (!url) return;
    const profile = $('profile').value;
    $('link-fetch').disabled = true;
    say($('link-error'), '');
    try {
      const begun = await createImport({ url, profile });
      $('uploads').prepend(importRow(begun, { arrived: this.arrived, retry: () => { field.value = url; this.fetch(); } }));
      field.value = '';
    } catch (err) {
      say($('link-error'), err.message);
      field.focus();
    } finally {
      $('link-fetch').disabled = false;
    }
  }

  async showUnfinished() {
    for (const mark of await bookmarks.brokenOff()) {
      const node = unfinishedRow(mark, {
        again: () => $('files').click(),
        drop: () => { bookmarks.drop(mark.key); call('POST', mark.up.abort_url).catch(() => {}); }, // parts that stay expire in the store
      });
      node.dataset.key = mark.key;
      $('uploads').append(node);
    }
  }
}
