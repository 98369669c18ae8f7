// Prices on canvases: a small line for a table's row, and a large one with axes and a crosshair.

const sized = (canvas, width, height) => {
  const ratio = globalThis.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
};

const line = (pen, points, colour, width = 1.5) => {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  Object.assign(pen, { strokeStyle: colour, lineWidth: width, lineJoin: 'round' });
  pen.stroke();
};

const dot = (pen, [x, y], colour) => {
  pen.beginPath();
  pen.arc(x, y, 2.5, 0, 7);
  pen.fillStyle = colour;
  pen.fill();
};

const range = (values) => {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = (high - low || Math.abs(high) / 50 || 1) * 0.06;
  return [low - room, high + room];
};

/** The colour of a change since the first bar. */
const trend = (bars, colours) => {
  const change = bars.at(-1).price - bars[0].price;
  return change > 0 ? colours.up : change < 0 ? colours.down : colours.soft;
};

/** A line without axes. */
export const spark = (canvas, bars, width, height, colours) => {
  const pen = sized(canvas, width, height);
  const [low, high] = range(bars.map(({ price }) => price));
  const points = bars.map(({ price }, index) => [
    3 + ((width - 6) * index) / Math.max(1, bars.length - 1), 3 + ((height - 6) * (high - price)) / (high - low)]);
  line(pen, points, trend(bars, colours));
  dot(pen, points.at(-1), trend(bars, colours));
};

/** Round steps of 1, 2 or 5, about `count` of them. */
const steps = (low, high, count) => {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const first = Math.ceil(low / step);
  // Prices that differ in their last digits only leave nothing to step by.
  const all = Array.from({ length: 2 * count + 2 }, (_, index) => (first + index) * step).filter((at) => at <= high);
  return { all, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
};

const edge = { left: 8, right: 58, top: 10, bottom: 24 };

/** Which bar is nearest to `x`. */
export const barAt = (x, count, width) =>
  Math.max(0, Math.min(count - 1, Math.round(((x - edge.left) / (width - edge.left - edge.right)) * (count - 1)) || 0));

/** Ranges and closing prices with axes; `at` is the bar under the crosshair, if there is one. */
export const chart = (canvas, bars, width, height, colours, at) => {
  const pen = sized(canvas, width, height);
  const right = width - edge.right;
  const bottom = height - edge.bottom;
  const [low, high] = range(bars.flatMap(({ price, high = price, low = price }) => [price, high, low]));
  const x = (index) => edge.left + ((right - edge.left) * index) / Math.max(1, bars.length - 1);
  const y = (price) => edge.top + ((bottom - edge.top) * (high - price)) / (high - low);
  Object.assign(pen, { font: '12px system-ui, sans-serif', textBaseline: 'middle' });
  const text = (words, left, top, colour = colours.soft) => {
    pen.fillStyle = colour;
    pen.fillText(words, left, top);
  };

  const { all, digits } = steps(low, high, height / 60);
  for (const price of all) {
    line(pen, [[edge.left, y(price)], [right, y(price)]], colours.line, 1);
    // What the crosshair says in its place is read instead.
    if (!(Math.abs(y(price) - y(bars[at]?.price)) < 14)) text(price.toFixed(digits), right + 8, y(price));
  }
  const every = Math.max(1, Math.ceil(bars.length / Math.max(1, Math.floor(right / 90))));
  let free = 0;
  for (let index = 0; index < bars.length; index += every) {
    const date = String(bars[index].date ?? '').slice(0, 10);
    const wide = pen.measureText(date).width;
    const from = Math.max(edge.left, x(index) - wide / 2);
    if (from < free || from + wide > width) continue;
    text(date, from, bottom + 14);
    free = from + wide + 12;
  }

  pen.setLineDash([4, 4]);
  line(pen, [[edge.left, y(bars[0].price)], [right, y(bars[0].price)]], colours.soft, 1);
  pen.setLineDash([]);
  pen.globalAlpha = 0.35;
  bars.forEach(({ price, high = price, low = price }, index) =>
    line(pen, [[x(index), y(high)], [x(index), y(low)]], colours.soft, 3));
  pen.globalAlpha = 1;
  const points = bars.map(({ price }, index) => [x(index), y(price)]);
  line(pen, points, trend(bars, colours), 2);
  dot(pen, points.at(-1), trend(bars, colours));

  const under = points[at];
  if (!under) return;
  line(pen, [[under[0], edge.top], [under[0], bottom]], colours.accent, 1);
  line(pen, [[edge.left, under[1]], [right, under[1]]], colours.accent, 1);
  dot(pen, under, colours.accent);
  text(bars[at].price.toFixed(2), right + 8, under[1], colours.accent);
};
