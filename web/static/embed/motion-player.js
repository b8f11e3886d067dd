// <motion-player>: a result of Motionmill in any page.
//
//   <script type="module" src="https://mill.example.com/embed/motion-player.js"></script>
//   <motion-player job="ID" share="TOKEN" view="skeleton"></motion-player>
//
// docs/page.md has the attributes. Other origins need the API's leave (CORS).

import { jobURL, playable } from '../call/files.js';
import { el, say } from '../dom/el.js';
import { speak, t } from '../i18n/i18n.js';
import { Player } from '../player/player.js';
import { Figure } from '../silhouette/figure.js';
import { Scene } from '../silhouette/scene.js';

const here = new URL('..', import.meta.url);
let looks = null; // the style sheets, shared by all players in the page

/** The player's looks, which do not touch the page around it. */
function styleSheets() {
  return Promise.all(['style/theme.css', 'style/forms.css', 'player/player.css'].map(async (path) => {
    const response = await fetch(new URL(path, here));
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(await response.text());
    return sheet;
  }));
}

export class MotionPlayer extends HTMLElement {
  static observedAttributes = ['job', 'share', 'src', 'view', 'rung', 'person'];

  connectedCallback() {
    this.attachShadowOnce();
    this.wish();
  }

  disconnectedCallback() {
    this.close();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (name === 'person' && this.player) this.player.follow(now ? Number(now) : null);
    else this.wish();
  }

  /** The video that plays: for play(), pause(), currentTime and events. Null until it is there. */
  get video() { return this.player?.video ?? this.figure?.video ?? null; }

  attachShadowOnce() {
    if (this.shadowRoot) return;
    this.attachShadow({ mode: 'open' });
    this.stand = el('div', { class: 'stand' });
    this.shadowRoot.append(this.stand);
    looks ??= styleSheets();
    looks.then((sheets) => { this.shadowRoot.adoptedStyleSheets = sheets; }).catch(() => { looks = null; });
  }

  /** Opens what the attributes say, once however many change together. */
  wish() {
    if (this.wished) return;
    this.wished = true;
    queueMicrotask(() => {
      this.wished = false;
      if (this.isConnected) this.open();
    });
  }

  async open() {
    this.close();
    const turn = (this.turn = {});
    const id = this.getAttribute('job');
    speak(this.getAttribute('lang') || document.documentElement.lang || navigator.language, false);
    if (!id) { this.tell(t('embed.job')); return; }
    const base = (this.getAttribute('src') || here.href).replace(/\/+$/, '');
    const from = { base, share: this.getAttribute('share') ?? '' };
    try {
      const response = await fetch(jobURL(id, from));
      const job = await response.json();
      if (turn !== this.turn) return;
      if (!response.ok) throw new Error(job.detail);
      if (job.state !== 'succeeded') { this.tell(t(`state.${job.state}`)); return; }
      if (!job.outputs) { this.tell(t('result.gone')); return; }
      this.show(playable(job, from));
      this.dispatchEvent(new CustomEvent('ready'));
    } catch (err) {
      if (turn === this.turn) this.tell(err instanceof TypeError ? t('embed.unreachable', { base }) : err.message);
    }
  }

  show(files) {
    const attributes = { crossorigin: 'anonymous', muted: this.hasAttribute('muted'), autoplay: this.hasAttribute('autoplay') };
    delete files.poster; // as a picture of another origin it would be refused
    if (this.getAttribute('view') === 'silhouette' && (files.webm || files.stacked)) { this.showFigure(files, attributes); return; }
    const rung = this.getAttribute('rung') ?? 'auto';
    this.player = new Player(files, { view: this.getAttribute('view') ?? 'skeleton', rung, video: { ...attributes, loop: this.hasAttribute('loop') } });
    this.player.video.muted = attributes.muted;
    this.player.person = this.hasAttribute('person') ? Number(this.getAttribute('person')) : null;
    this.player.controls.node.hidden = this.hasAttribute('bare');
    this.stand.replaceChildren(this.player.node);
  }

  /** The figure alone: what lies behind the element shows through. */
  showFigure(files, attributes) {
    const scene = new Scene(t('silhouette.label'));
    const figure = new Figure(files, null, { changed: () => scene.draw(), failed: () => this.tell(t('silhouette.broken')), attributes: { ...attributes, autoplay: true } });
    scene.figure = figure;
    scene.screen.classList.replace('checker', 'clear');
    scene.canvas.tabIndex = 0;
    scene.canvas.setAttribute('role', 'button'); // it plays and pauses
    scene.canvas.addEventListener('click', () => figure.toggle());
    scene.canvas.addEventListener('keydown', (event) => { if (event.key === ' ') { event.preventDefault(); figure.toggle(); } });
    Object.assign(this, { scene, figure });
    this.stand.replaceChildren(scene.screen, figure.holder);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) figure.video.removeAttribute('autoplay');
  }

  tell(text) {
    const message = el('p', { class: 'message', role: 'status' });
    this.stand.replaceChildren(message);
    say(message, text);
  }

  close() {
    this.turn = null;
    this.player?.close();
    this.figure?.close();
    this.scene?.close();
    this.player = this.figure = this.scene = null;
    this.stand?.replaceChildren();
  }
}

if (!customElements.get('motion-player')) customElements.define('motion-player', MotionPlayer);
