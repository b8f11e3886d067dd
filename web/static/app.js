// The page's frame: what is shown under which address, and in which language.

import { stage as fetchStage } from './call/api.js';
import { resume } from './call/signin.js';
import { el, translate } from './dom/el.js';
import { language, languages, speak } from './i18n/i18n.js';
import { Jobs } from './list/jobs.js';
import { ResultView } from './result/result.js';
import { Uploads } from './upload/uploads.js';

const $ = (id) => document.getElementById(id);
const askAgain = 2000; // ms

let view = null;
let stage = null;

const online = (is) => { $('offline').hidden = is; };
const jobs = new Jobs(online);
const uploads = new Uploads(() => jobs.refresh());

async function loadStage() {
  try {
    stage = await fetchStage();
  } catch {
    online(false);
    setTimeout(loadStage, askAgain);
    return;
  }
  const badge = $('stage');
  badge.textContent = `${stage.stage} · ${stage.version}`;
  badge.hidden = false;
  if (stage.sign_in === 'password') resume();
  notice();
  uploads.open(stage);
  jobs.open(stage);
}

/** What people should know of the models; a result says it for itself. */
function notice() {
  $('notice').textContent = stage?.notice ?? '';
  $('notice').hidden = !stage?.notice || $('home').hidden;
}

/** Shows what the address says: #/jobs/<id>, #/refused where a share link is not good, or the list. */
function route() {
  const match = location.hash.match(/^#\/jobs\/([^/?#]+)/);
  const refused = location.hash === '#/refused';
  view?.close();
  view = null;
  $('home').hidden = Boolean(match) || refused;
  $('detail').hidden = !$('home').hidden;
  if (match) {
    jobs.list.rest();
    view = new ResultView($('detail'), plain(match[1]), online);
  } else {
    document.title = 'Motionmill';
    $('detail').replaceChildren(...(refused ? [el('p', { class: 'notice', role: 'alert', t: 'share.refused' })] : []));
    jobs.refresh();
  }
  notice();
  window.scrollTo(0, 0);
}

/** What an address means, or its letters where they mean nothing. */
function plain(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** Says the whole page in the language of now. */
function inWords() {
  document.documentElement.lang = language();
  translate(document);
  uploads.translate();
  jobs.translate();
}

$('language').replaceChildren(...languages.map(([code, name]) => el('option', { value: code, text: name, lang: code, selected: code === language() })));
$('language').addEventListener('change', (event) => {
  speak(event.target.value);
  inWords();
  if (view) route();
});
window.addEventListener('hashchange', () => { route(); $('main').focus({ preventScroll: true }); });
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault(); // the address says which view is shown: it must stay
  $('main').focus();
});
document.addEventListener('visibilitychange', () => { if (document.hidden) jobs.list.rest(); else jobs.refresh(); });
inWords();
loadStage();
route();
