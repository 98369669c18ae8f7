// What was shown of each symbol. Knows neither page nor connection.

const maximumSymbols = 2_000;
const maximumBars = 500;
/** Beyond it two digits after the point mean little, and a column has no room. */
const maximumNumber = 1e12;

/** A number, also where it is written as a text; undefined if it is none, or too large. */
const numeric = (value) => {
  const number = typeof value === 'string' && value.trim() ? Number(value) : value;
  return typeof number === 'number' && Math.abs(number) < maximumNumber ? number : undefined;
};
const text = (value, limit = 32) =>
  typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, limit) : undefined;

const barOf = ({ data }) => {
  if (typeof data !== 'object' || data === null) return undefined;
  const price = numeric(data.price);
  if (price === undefined) return undefined;
  return {
    price, date: text(data.date), pass: text(data.pass), open: numeric(data.open), high: numeric(data.high),
    low: numeric(data.low), volume: numeric(data.volume),
  };
};

/** Where the records began again: nothing is computed over that seam. */
const isSeam = (last, bar) =>
  (bar.pass !== undefined && last.pass !== undefined && bar.pass !== last.pass)
  || (bar.date !== undefined && last.date !== undefined && bar.date < last.date);

/** A bar of the same day tells that day again, with what is known by now. */
const isSameDay = (last, bar) => bar.date !== undefined && bar.date === last.date;

export const createPrices = () => {
  /** @type {Map<string, { key: string, bars: any[], dated: any }>} */
  const all = new Map();
  return {
    all,
    /** The symbol that the event changed; undefined if it is no price. */
    take(event) {
      // As long as the server takes keys: of two that begin alike neither may show the other's price.
      const key = text(event.key ?? event.data?.symbol, 256);
      const bar = key && barOf(event);
      if (!bar) return undefined;
      let symbol = all.get(key);
      if (!symbol) {
        if (all.size >= maximumSymbols) return undefined;
        symbol = { key, bars: [], dated: {} };
        all.set(key, symbol);
      }
      const { bars, dated } = symbol;
      if (isSeam(dated, bar)) bars.length = 0;
      if (bars.length && isSameDay(bars.at(-1), bar)) bars.pop();
      bars.push(bar);
      if (bars.length > maximumBars) bars.shift();
      symbol.dated = { date: bar.date ?? dated.date, pass: bar.pass ?? dated.pass };
      return symbol;
    },
  };
};

/** From the first bar shown to the last. */
export const change = (bars) => {
  const difference = bars.at(-1).price - bars[0].price;
  return { difference, percent: bars[0].price ? (difference / Math.abs(bars[0].price)) * 100 : 0 };
};
