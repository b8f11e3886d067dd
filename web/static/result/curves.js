// Angles of joints and how fast they change, plotted beneath the player. The
// cursor follows the frame that is shown; a click on a plot leads there.

import { el, say } from '../dom/el.js';
import { t } from '../i18n/i18n.js';
import { colours } from '../pose/draw.js';
import { angles, jointsOf, rates } from '../pose/joints.js';
import { Plot } from './plot.js';

const first = ['knee', 'elbow', 'hip', 'shoulder']; // the joint that is shown at first is the first of these that there is

export class Curves {
  /** player: whose pose track is plotted, and which it leads. */
  constructor(player) {
    this.player = player;
    this.plots = [];
    this.chosen = new Set();
    this.hint = el('p', { class: 'faint', text: t('pose.loading') });
    this.boxes = el('fieldset', { class: 'joints' });
    this.room = el('div', { class: 'plots' });
    this.values = el('p', { class: 'values' });
    this.node = el('section', { class: 'card curves', 'aria-labelledby': 'curves-title' }, el('h2', { id: 'curves-title', text: t('curves.title') }), this.boxes, this.room, this.values, this.hint);
    this.dark = matchMedia('(prefers-color-scheme: dark)');
    this.again = () => this.plot();
    this.dark.addEventListener('change', this.again);
    player.node.addEventListener('pose', () => this.open());
    player.node.addEventListener('person', () => this.plot());
    player.node.addEventListener('frame', () => this.tell());
    if (player.pose) this.open();
  }

  /** Offers the joints that the track's points allow. */
  open() {
    this.joints = jointsOf(this.player.pose);
    const names = [...new Set(this.joints.map(({ joint }) => joint))];
    if (names.length === 0) { say(this.hint, t('curves.none')); return; }
    this.chosen = new Set([first.find((name) => names.includes(name)) ?? names[0]]);
    this.boxes.replaceChildren(el('legend', { class: 'unseen', text: t('curves.joints') }), ...names.map((name) => {
      const box = el('input', { type: 'checkbox', checked: this.chosen.has(name), onchange: () => { this.chosen[box.checked ? 'add' : 'delete'](name); this.plot(); } });
      return el('label', { class: 'check' }, box, t(`joint.${name}`));
    }));
    this.plot();
  }

  /** Whose curves are shown: the one who is chosen, else who is seen longest. */
  get person() { return this.player.person ?? this.player.pose.people[0]?.id; }

  plot() {
    if (!this.joints?.length) return;
    for (const plot of this.plots.splice(0)) plot.close();
    const { pose } = this.player;
    const points = pose.pointsOf(this.person);
    this.series = this.joints.filter(({ joint }) => this.chosen.has(joint)).map((joint, i) => {
      const values = angles(points, joint);
      return { name: jointName(joint), colour: shade(joint.side, Math.floor(i / 2), this.dark.matches), dash: i >= 2 ? [6, 4] : [], angle: values, speed: rates(values, pose.times) };
    });
    say(this.hint, this.series.length === 0 ? t('curves.choose') : this.player.pose.people.length > 1 ? t('curves.hint.one', { id: this.person }) : t('curves.hint'));
    if (this.series.length > 0) {
      const lead = (time) => { this.player.video.currentTime = pose.timeOf(pose.indexAt(time)); };
      const make = (what, unit) => new Plot({ room: this.room, title: t(`curves.${what}`), unit, times: pose.times, series: this.series.map((s) => ({ ...s, values: s[what] })), lead, group: this });
      this.plots = [make('angle', '°'), make('speed', '°/s')];
    }
    this.tell();
  }

  /** Puts the cursor where the player is, and the values beside it in words. */
  tell() {
    const { pose, time } = this.player;
    if (!this.series || !pose) return;
    const i = pose.indexAt(time);
    for (const plot of this.plots) plot.point(pose.times[i]);
    const word = (value, unit) => (value === null ? '–' : `${Math.round(value)}${unit}`);
    this.values.replaceChildren(...this.series.map((s) => el('span', {}, swatch(s.colour), el('b', { text: s.name }), ` ${word(s.angle[i], '°')} · ${word(s.speed[i], '°/s')}`)));
  }

  close() {
    this.dark.removeEventListener('change', this.again);
    for (const plot of this.plots.splice(0)) plot.close();
  }
}

const jointName = ({ joint, side }) => t('joint.of', { side: t(`side.${side}`), joint: t(`joint.${joint}`) });

/** The colour of a side, the second joint of it lighter or darker: both stand off the page. */
function shade(side, nth, dark) {
  const light = { left: ['#c2570c', '#7c2d12', '#e58a3c', '#9a6a00'], right: ['#0369a1', '#1e3a8a', '#2a93c9', '#0f766e'] };
  const bright = { left: [colours.left, '#ffd29f', '#ff7a45', '#fde047'], right: [colours.right, '#a5d8ff', '#818cf8', '#5eead4'] };
  const set = (dark ? bright : light)[side];
  return set[nth % set.length];
}

function swatch(colour) {
  const node = el('i', { 'aria-hidden': 'true' });
  node.style.background = colour;
  return node;
}
