// Small helpers to make elements. Text always goes in as text, never as markup.

import { t } from '../i18n/i18n.js';

/**
 * Makes an element. Props: class, text, dataset, on<event>; t and tLabel are
 * keys of the dictionary for the text and the label, which are said anew when
 * the language changes; anything else is an attribute.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') node.className = value;
    else if (name === 'text') node.textContent = value;
    else if (name === 't') { node.dataset.t = value; node.textContent = t(value); } else if (name === 'tLabel') { node.dataset.tLabel = value; node.setAttribute('aria-label', t(value)); } else if (name === 'dataset') Object.assign(node.dataset, value);
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Says everything below a node that names a key of the dictionary. */
export function translate(root) {
  for (const node of root.querySelectorAll('[data-t]')) say(node, t(node.dataset.t));
  for (const node of root.querySelectorAll('[data-t-label]')) node.setAttribute('aria-label', t(node.dataset.tLabel));
  for (const node of root.querySelectorAll('[data-t-placeholder]')) node.setAttribute('placeholder', t(node.dataset.tPlaceholder));
}

const icons = {
  play: 'M7 4.5v15l12-7.5z', pause: 'M8 5v14M16 5v14', back: 'M15 5l-7 7 7 7', on: 'M9 5l7 7-7 7',
  sound: 'M4 9.5v5h3.5L12 19V5L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11', mute: 'M4 9.5v5h3.5L12 19V5L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  full: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5', larger: 'M12 5v14M5 12h14', smaller: 'M5 12h14', whole: 'M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5',
};

/** A drawn sign; its button says in words what it does. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', icons[name]);
  svg.append(path);
  return svg;
}

/** A button with a sign, and its words for who cannot see it. */
export function tool(label, sign, onclick) {
  return el('button', { type: 'button', class: 'tool', 'aria-label': label, title: label, onclick }, icon(sign));
}

/** Gives a button of tool another sign and other words. */
export function relabel(button, label, sign) {
  if (button.title === label) return;
  button.title = label;
  button.setAttribute('aria-label', label);
  button.replaceChildren(icon(sign));
}

/** A row of choices of which one holds; choices are [value, text]. */
export function choice(label, choices, chosen, onchange) {
  const name = `choice-${Math.random().toString(36).slice(2)}`;
  const node = el('div', { class: 'choice', role: 'radiogroup', 'aria-label': label },
    ...choices.map(([value, text]) => el('label', {},
      el('input', { type: 'radio', name, value, checked: value === chosen, onchange: () => onchange(value) }), el('span', { text }))));
  return node;
}

/** Sets text only where it differs, so that screen readers are not disturbed. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Tells those who do not see the page what has changed on it. */
export function announce(text) {
  const region = document.getElementById('announcer');
  if (region) region.textContent = text;
}
