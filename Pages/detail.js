// The larger chart of the chosen symbol.

import { barAt, chart } from './chart.js';
import { changeOf, money, reading } from './words.js';

export const createDetail = (find, invalidate) => {
  const box = find('chart');
  const canvas = box.querySelector('canvas');
  let symbol;
  /** The bar under the crosshair; undefined: none is. */
  let at;
  let isStale = false;

  const stale = () => {
    isStale = true;
    invalidate();
  };
  const point = (index) => {
    at = index;
    stale();
  };
  const pointed = ({ clientX }) => {
    const { left, width } = box.getBoundingClientRect();
    if (symbol) point(barAt(clientX - left, symbol.bars.length, width));
  };
  box.addEventListener('pointermove', pointed);
  box.addEventListener('pointerdown', pointed);
  box.addEventListener('pointerleave', () => point(undefined));
  box.addEventListener('blur', () => point(undefined));
  box.addEventListener('keydown', (event) => {
    if (!symbol) return;
    const last = symbol.bars.length - 1;
    const here = at ?? last;
    const to = {
      ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last, PageDown: here - 5, PageUp: here + 5,
    }[event.key];
    if (event.key === 'Escape') return point(undefined);
    if (to === undefined) return undefined;
    event.preventDefault();
    return point(Math.max(0, Math.min(last, to)));
  });
  new ResizeObserver(stale).observe(box);

  return {
    get symbol() {
      return symbol;
    },
    show(one) {
      symbol = one;
      at = undefined;
      find('detail').hidden = false;
      find('chosen').textContent = one.key;
      stale();
    },
    /** Drawn again if it is this one that changed, or if everything did. */
    changed(one) {
      if (one === undefined || one === symbol) stale();
    },
    draw(colours) {
      if (!isStale || !symbol) return;
      isStale = false;
      const { bars } = symbol;
      // The records began again under the crosshair.
      if (at >= bars.length) at = undefined;
      const { way, words } = changeOf(bars);
      find('chosen-price').textContent = money(bars.at(-1).price);
      find('chosen-change').textContent = words;
      find('chosen-change').className = `change ${way}`;
      const sentence = reading(bars[at ?? bars.length - 1], bars);
      find('reading').textContent = sentence;
      box.setAttribute('aria-valuemax', String(bars.length));
      box.setAttribute('aria-valuenow', String((at ?? bars.length - 1) + 1));
      box.setAttribute('aria-valuetext', sentence);
      chart(canvas, bars, box.clientWidth, box.clientHeight, colours, at);
    },
  };
};
