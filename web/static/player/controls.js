// The buttons below a player.

import { choice, el, relabel, say, tool } from '../dom/el.js';
import { clock } from '../dom/format.js';
import { t } from '../i18n/i18n.js';
import { colours } from '../pose/draw.js';

const speeds = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2];

export class Controls {
  /** player: what the buttons act on; views: [value, text] of what there is to see. */
  constructor(player, views) {
    this.player = player;
    const { video } = player;
    this.play = tool(t('player.play'), 'play', () => player.toggle());
    this.seek = el('input', { type: 'range', min: '0', max: '1', step: 'any', value: '0', 'aria-label': t('player.position') });
    this.seek.addEventListener('input', () => { video.currentTime = Number(this.seek.value); });
    this.clock = el('span', { class: 'clock' });
    this.speed = el('select', { 'aria-label': t('player.speed') }, ...speeds.map((v) => el('option', { value: String(v), text: `${v}×`, selected: v === 1 })));
    this.speed.addEventListener('change', () => { video.playbackRate = Number(this.speed.value); });
    this.rung = el('select', { class: 'rung', 'aria-label': t('player.rung') });
    this.rung.addEventListener('change', () => player.take(this.rung.value));
    this.mute = tool(t('player.mute'), 'sound', () => { video.muted = !video.muted; });
    this.views = choice(t('player.view'), views, player.view, (view) => player.show(view));
    this.views.hidden = views.length < 2;
    this.person = el('select', { 'aria-label': t('player.person') });
    this.person.addEventListener('change', () => player.follow(this.person.value === '' ? null : Number(this.person.value)));
    this.person.hidden = true;
    this.legend = el('span', { class: 'legend' }, dot(colours.left), t('side.left'), dot(colours.right), t('side.right'));
    this.node = el('div', { class: 'controls' },
      el('div', { class: 'row bar' }, this.play, tool(t('player.back'), 'back', () => player.step(-1)), tool(t('player.on'), 'on', () => player.step(1)), this.seek, this.clock),
      el('div', { class: 'row wrap' }, this.views, this.legend, this.person,
        el('span', { class: 'row end' }, this.rung, this.speed, this.mute, tool(t('player.full'), 'full', () => player.fullscreen()))));
  }

  /** Keeps buttons, bar and clock as the video is. frame: such as "frame 3 of 90". */
  tell(frame) {
    const { video } = this.player;
    relabel(this.play, t(video.paused ? 'player.play' : 'player.pause'), video.paused ? 'play' : 'pause');
    relabel(this.mute, t(video.muted ? 'player.unmute' : 'player.mute'), video.muted ? 'mute' : 'sound');
    if (document.activeElement !== this.seek || !video.paused) this.seek.value = String(video.currentTime);
    say(this.clock, `${clock(video.currentTime)} / ${clock(video.duration || 0)}${frame ? ` · ${frame}` : ''}`);
    this.seek.setAttribute('aria-valuetext', this.clock.textContent);
  }

  /** Says which rungs there are and which one plays. */
  tellRungs(source, wanted, hasFile) {
    const options = [['auto', wanted === 'auto' && source.height ? t('player.auto.now', { height: source.height }) : t('player.auto')],
      ...source.rungs.map((height) => [String(height), `${height}p`])];
    if (hasFile) options.push(['file', t('player.file')]);
    this.rung.hidden = !source.adaptive && wanted !== 'file';
    const key = JSON.stringify([options, wanted]);
    if (key === this.shown) return;
    this.shown = key;
    this.rung.replaceChildren(...options.map(([value, text]) => el('option', { value, text, selected: value === wanted })));
  }

  /** Says who can be chosen: people as PoseTrack gives them. */
  tellPeople(people) {
    this.person.hidden = people.length < 2;
    this.person.replaceChildren(el('option', { value: '', text: t('player.everyone') }),
      ...people.map(({ id, from, to }) => el('option', { value: String(id), text: t('player.one', { id, from: clock(from), to: clock(to) }) })));
  }
}

function dot(colour) {
  const node = el('i', { 'aria-hidden': 'true' });
  node.style.background = colour;
  return node;
}
