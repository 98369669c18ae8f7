// Figures and sentences as they stand on the page.

import { change } from './prices.js';

const two = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const money = (value) => two.format(value);
/** A change of next to nothing is beyond all percents. */
const percent = (value) => (Math.abs(value) < 1e6 ? signed(value) : value < 0 ? '< −1,000,000' : '> +1,000,000');
export const count = (value) => whole.format(value);

const signed = (value) => (value < 0 ? '−' : '+') + two.format(Math.abs(value));

/** `▲ +1.20 (+0.70 %)`, and whether it went up or down: never by the colour alone. */
export const changeOf = (bars) => {
  const { difference, percent: share } = change(bars);
  const way = difference > 0 ? 'up' : difference < 0 ? 'down' : '';
  const words = way ? `${way === 'up' ? '▲' : '▼'}\u00a0${signed(difference)} (${percent(share)}\u00a0%)` : '0.00';
  return { way, words };
};

/** What a bar says, in one sentence. */
export const reading = (bar, bars) => {
  const parts = [bar.date ? `${bar.date}: ` : '', `close ${money(bar.price)}`];
  for (const name of ['open', 'high', 'low']) if (bar[name] !== undefined) parts.push(`, ${name} ${money(bar[name])}`);
  if (bar.volume !== undefined) parts.push(`, volume ${count(bar.volume)}`);
  return `${parts.join('')}; since the first bar ${changeOf([bars[0], bar]).words}`;
};

export const losses = ({ missed, isUnknown, folded, passedOver }) => {
  const parts = [
    isUnknown ? `${missed ? `${count(missed)} and ` : ''}an unknown number missed`
      : missed ? `${count(missed)} missed` : 'nothing missed',
    folded ? `${count(folded)} folded into newer ones` : 'nothing folded',
  ];
  if (passedOver) parts.push(`${count(passedOver)} passed over`);
  return parts.join(', ');
};

export const stateWords = { connecting: 'connecting', live: 'live', waiting: 'not connected', closed: 'ended' };

export const clockTime = (date) => date.toLocaleTimeString('en-GB');
