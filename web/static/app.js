// The page's frame: what is shown under which address, the uploads, and the
// list that is asked for every two seconds while somebody looks.

import { jobs as fetchJobs, stage as fetchStage } from './api.js';
import { bytes, el, say } from './dom.js';
import { JobList } from './jobs.js';
import { ResultView } from './result.js';
import { resume } from './signin.js';
import { Upload, UploadQueue } from './upload.js';

const $ = (id) => document.getElementById(id);
const pollEvery = 2000;

const profileHints = {
  trainer: 'everything: video, pose, overlay and silhouette',
  transcode: 'web video, poster and thumbnails',
  pose: 'the pose track and the overlay',
  silhouette: 'the person cut out of the background',
};

const list = new JobList($('jobs'), $('empty'));
const queue = new UploadQueue();
let view = null;
let stage = null;
let older = []; // pages beyond the first, fetched by hand
let cursor = '';

function online(is) { $('offline').hidden = is; }

async function loadStage() {
  try {
    stage = await fetchStage();
  } catch {
    online(false);
    setTimeout(loadStage, pollEvery);
    return;
  }
  const badge = $('stage');
  badge.textContent = `${stage.stage} · ${stage.version}`;
  badge.hidden = false;
  if (stage.sign_in === 'password') resume();
  notice();
  $('profile').replaceChildren(...stage.profiles.map((p) => el('option', { value: p, text: p, selected: p === stage.default_profile })));
  $('limit').textContent = `up to ${bytes(stage.max_bytes)} each`;
  hint();
}

/** What people should know of the models; a result says it for itself. */
function notice() {
  $('notice').textContent = stage?.notice ?? '';
  $('notice').hidden = !stage?.notice || $('home').hidden;
}

function hint() { say($('profile-hint'), profileHints[$('profile').value] ?? ''); }

async function refresh() {
  if (document.hidden || $('home').hidden) return;
  try {
    const page = await fetchJobs();
    online(true);
    if (older.length === 0) cursor = page.cursor ?? '';
    const fresh = new Set(page.jobs.map((j) => j.id));
    list.show([...page.jobs, ...older.filter((j) => !fresh.has(j.id))]);
    $('more').hidden = !cursor;
  } catch (err) {
    online(err.status !== 0);
  }
}

async function tick() {
  await refresh();
  setTimeout(tick, pollEvery);
}

$('more').addEventListener('click', async () => {
  try {
    const page = await fetchJobs(cursor);
    older.push(...page.jobs);
    cursor = page.cursor ?? '';
    await refresh();
  } catch (err) {
    online(err.status !== 0);
  }
});

/** One upload's line. */
function uploadLine(file) {
  const name = el('span', { class: 'title', text: file.name });
  const state = el('span', { class: 'faint' });
  const bar = el('progress', { max: String(Math.max(1, file.size)), value: '0', 'aria-label': `Upload of ${file.name}` });
  const stop = el('button', { type: 'button', class: 'quiet', text: 'Stop', 'aria-label': `Stop the upload of ${file.name}` });
  const after = el('span');
  const node = el('li', {}, el('div', { class: 'row spread' }, name, el('span', { class: 'row' }, state, after, stop)), bar);
  const changed = (u) => {
    bar.value = u.sent;
    bar.hidden = u.state !== 'sending' && u.state !== 'waiting';
    stop.hidden = u.state !== 'sending' && u.state !== 'waiting';
    state.className = u.state === 'failed' ? 'bad-text' : 'faint';
    say(state, {
      waiting: 'Waiting', sending: `${bytes(u.sent)} of ${bytes(file.size)}`, failed: u.error, aborted: 'Stopped',
      received: u.job ? 'Received' : 'Received; waiting for a worker',
    }[u.state]);
    if (u.job && !after.firstChild) after.replaceChildren(el('a', { href: `#/jobs/${u.job}`, text: 'Open the job' }));
    if (u.job) refresh();
    if ((u.state === 'failed' || u.state === 'aborted') && !after.firstChild) {
      after.replaceChildren(el('button', { type: 'button', text: 'Try again', onclick: () => { node.remove(); start(file); } }));
    }
  };
  stop.addEventListener('click', () => upload.stop());
  const upload = new Upload(file, $('profile').value, changed);
  changed(upload);
  return { node, upload };
}

function start(file) {
  if (file.size === 0 || (stage && file.size > stage.max_bytes)) {
    const why = file.size === 0 ? 'The file is empty.' : `It has ${bytes(file.size)}; at most ${bytes(stage.max_bytes)} are taken.`;
    $('uploads').prepend(el('li', {}, el('div', { class: 'row spread' }, el('span', { class: 'title', text: file.name }), el('span', { class: 'bad-text', text: why }))));
    return;
  }
  const { node, upload } = uploadLine(file);
  $('uploads').prepend(node);
  queue.add(upload);
}

function wireUploads() {
  const drop = $('drop');
  $('files').addEventListener('change', (event) => {
    for (const file of event.target.files) start(file);
    event.target.value = '';
  });
  for (const kind of ['dragenter', 'dragover']) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) drop.classList.remove('over'); });
  document.addEventListener('drop', (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    drop.classList.remove('over');
    if ($('home').hidden) location.hash = '#/';
    for (const file of event.dataTransfer.files) start(file);
  });
  $('uploader').addEventListener('submit', (event) => event.preventDefault());
  $('profile').addEventListener('change', hint);
  window.addEventListener('beforeunload', (event) => { if (queue.busy) event.preventDefault(); });
}

/** Shows what the address says: #/jobs/<id>, or the list. */
function route() {
  const match = location.hash.match(/^#\/jobs\/([^/?#]+)/);
  view?.close();
  view = null;
  $('home').hidden = Boolean(match);
  $('detail').hidden = !match;
  if (match) {
    list.rest();
    view = new ResultView($('detail'), decodeURIComponent(match[1]), online);
  } else {
    document.title = 'Motionmill';
    refresh();
  }
  notice();
  window.scrollTo(0, 0);
}

wireUploads();
loadStage();
window.addEventListener('hashchange', () => { route(); $('main').focus({ preventScroll: true }); });
document.addEventListener('visibilitychange', () => { if (document.hidden) list.rest(); else refresh(); });
route();
tick();
