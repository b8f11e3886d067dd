// One plot over time: curves, a cursor that is led from outside, and a click
// that leads. Dragging over a stretch looks closer, a double click at the whole.

import { el } from '../dom/el.js';
import uPlot from '../vendor/uplot/uplot.js';

const height = 170; // CSS px

export class Plot {
  /** room: what it is put into; times in s; series: {name, colour, dash, values}; lead is called with a time; plots of a group look at the same stretch. */
  constructor({ room, title, unit, times, series, lead, group }) {
    this.title = el('h3', { text: `${title} (${unit})` });
    this.place = el('div', { class: 'plot', role: 'img', 'aria-label': summary(title, unit, series) });
    this.node = el('div', {}, this.title, this.place);
    room.append(this.node);
    this.cursor = el('div', { class: 'cursor' });
    const style = getComputedStyle(room);
    const [ink, line] = [style.getPropertyValue('--faint'), style.getPropertyValue('--line')];
    const axis = (values) => ({ stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: '12px system-ui', ...values });
    (group.sync ??= uPlot.sync(Symbol('curves')));
    this.plot = new uPlot({
      width: Math.max(200, room.clientWidth), height, legend: { show: false }, pxAlign: false,
      cursor: { y: false, points: { size: 6 }, sync: { key: group.sync.key, scales: ['x', null] }, drag: { x: true, y: false } },
      scales: { x: { time: false } },
      axes: [axis({ size: 30, values: (_, marks) => marks.map((v) => `${v} s`) }), axis({ size: 62 })],
      series: [{}, ...series.map(({ name, colour, dash }) => ({ label: name, stroke: colour, width: 1.75, dash, points: { show: false } }))],
      hooks: { draw: [() => this.move()] },
    }, [times, ...series.map(({ values }) => values)], this.place);
    this.plot.over.append(this.cursor);
    this.plot.over.addEventListener('click', (event) => {
      if (this.plot.select.width > 0) return; // a stretch was dragged over
      lead(this.plot.posToVal(event.clientX - this.plot.over.getBoundingClientRect().left, 'x'));
    });
    this.resized = new ResizeObserver(() => { const width = room.clientWidth; if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height }); });
    this.resized.observe(room);
  }

  /** Puts the cursor at a time. */
  point(time) {
    this.time = time;
    this.move();
  }

  move() {
    if (!this.plot || this.time === undefined) return;
    const x = this.plot.valToPos(this.time, 'x');
    this.cursor.hidden = !(x >= 0 && x <= this.plot.over.clientWidth);
    this.cursor.style.transform = `translateX(${x}px)`;
  }

  close() {
    this.resized.disconnect();
    this.plot.destroy();
    this.node.remove();
  }
}

/** What a plot shows, for who cannot see it. */
function summary(title, unit, series) {
  return `${title}: ${series.map(({ name, values }) => {
    const known = values.filter((v) => v !== null);
    return known.length > 0 ? `${name} ${Math.round(known.reduce((a, b) => Math.min(a, b)))}–${Math.round(known.reduce((a, b) => Math.max(a, b)))}${unit}` : `${name} –`;
  }).join(', ')}`;
}
