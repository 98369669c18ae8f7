// The table of symbols: a row each, in their order, with one place for the keyboard.

import { spark } from './chart.js';
import { changeOf, money } from './words.js';

const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};
const calm = matchMedia('(prefers-reduced-motion: reduce)');
/** As in `page.css`, which gives canvases their width. */
const narrow = matchMedia('(max-width: 30rem)');

/** `choose` is called with a symbol when its row is. */
export const createTable = (body, choose) => {
  const rows = new Map();
  let order = [];
  let wanted = '';
  let chosen;

  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const row = rows.get(target.dataset.key);
      if (row) Object.assign(row, { isSeen: isIntersecting, isStale: true });
    }
    invalidate();
  }, { rootMargin: '200px' });

  let invalidate = () => {};
  narrow.addEventListener('change', () => {
    for (const row of order) row.isStale = true;
    invalidate();
  });

  const fits = ({ symbol }) => symbol.key.toUpperCase().includes(wanted);
  const shown = () => order.filter(({ element }) => !element.hidden);

  const write = (row, isFlashing) => {
    const { bars } = row.symbol;
    const [before, last] = [row.last, bars.at(-1).price];
    row.last = last;
    row.price.textContent = money(last);
    const { way, words } = changeOf(bars);
    row.changed.textContent = words;
    row.changed.className = way;
    if (!isFlashing || before === last || calm.matches) return;
    // In steps, each of which is painted once.
    row.price.animate([{ color: `var(--${before < last ? 'up' : 'down'})` }, {}], { duration: 600, easing: 'steps(3)' });
  };

  const add = (symbol) => {
    const button = make('button', { type: 'button', textContent: symbol.key, tabIndex: order.length ? -1 : 0 });
    const [price, changed] = [make('td'), make('td')];
    const canvas = make('canvas');
    canvas.setAttribute('aria-hidden', 'true');
    const head = make('th', { scope: 'row' }, button);
    const element = make('tr', {}, head, price, changed, make('td', {}, canvas));
    element.dataset.key = symbol.key;
    const row = { symbol, element, button, price, changed, canvas, isSeen: false, isStale: true };
    element.addEventListener('click', () => choose(symbol));
    button.addEventListener('focus', () => hold(row));
    rows.set(symbol.key, row);
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (order[middle].symbol.key < symbol.key) low = middle + 1;
      else high = middle;
    }
    body.insertBefore(element, order[low]?.element ?? null);
    order.splice(low, 0, row);
    element.hidden = !fits(row);
    write(row);
    seen.observe(element);
    return row;
  };

  /** Only this row is reached by the tab key; the arrows go on from it. */
  const hold = (row) => {
    for (const one of order) one.button.tabIndex = one === row ? 0 : -1;
  };

  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
  body.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    const list = shown();
    const at = list.findIndex(({ button }) => button === document.activeElement);
    if (!move || at < 0) return;
    event.preventDefault();
    list[Math.max(0, Math.min(list.length - 1, at + move))].button.focus();
  });

  return {
    get order() {
      return order;
    },
    /** Has `draw` called when something became visible. */
    onStale(handler) {
      invalidate = handler;
    },
    update(symbol) {
      (rows.get(symbol.key) ?? add(symbol)).isStale = true;
    },
    /** What is in sight, or nearly: a change of any row has the browser lay out the whole table. */
    draw(colours) {
      for (const row of order) {
        if (!row.isStale || !row.isSeen || row.element.hidden) continue;
        row.isStale = false;
        write(row, true);
        spark(row.canvas, row.symbol.bars, narrow.matches ? 56 : 120, 28, colours);
      }
    },
    staleAll() {
      for (const row of order) row.isStale = true;
    },
    choose(symbol) {
      const now = rows.get(symbol.key) ?? add(symbol);
      for (const [row, isChosen] of [[chosen, false], [now, true]]) {
        row?.element.classList.toggle('chosen', isChosen);
        if (isChosen) row?.button.setAttribute('aria-current', 'true');
        else row?.button.removeAttribute('aria-current');
      }
      chosen = now;
    },
    /** How many rows are left. */
    search(words) {
      wanted = words.trim().toUpperCase();
      let left = 0;
      for (const row of order) {
        row.element.hidden = !fits(row);
        if (!row.element.hidden) left += 1;
      }
      const list = shown();
      if (list.length && !list.some(({ button }) => button.tabIndex === 0)) hold(list[0]);
      return left;
    },
    focusFirst() {
      shown()[0]?.button.focus();
    },
  };
};
