// Events a second that the client's state machine decodes and orders, in one thread, beside JSON.parse of the same frames.
import { createFollower } from '../../Clients/js/src/index.js';

const count = 200_000;
const symbols = 500;

const event = (seq, more) => ({
  type: 'price:update', key: `SYM${seq % symbols}`, id: `1795734674269-${seq.toString(16).padStart(16, '0')}`, stream: 'all/price:update',
  seq, timestamp: '2026-11-26T23:11:14.287Z',
  data: { date: '2018-01-02', open: 170.16, high: 172.3, low: 169.26, price: 150 + (seq % 977) / 10, volume: 25_555_934, pass: 1 },
  ...more,
});
const range = (from, size) => Array.from({ length: size }, (_, index) => from + index);
const batches = (size) => range(0, count / size).map((turn) =>
  JSON.stringify({ type: 'batch', cursor: 'c', events: range(turn * size + 1, size).map((seq) => event(seq)) }));
const ready = (replay) => JSON.stringify({ type: 'ready', replay, cursor: 'c' });

/** Frames of each kind, and what the follower hears before them. */
const kinds = {
  'one a frame': () => [ready(1), ...range(1, count).map((seq) => JSON.stringify(event(seq)))],
  '20 a batch': () => [ready(1), ...batches(20)],
  '20 a batch, each twice': () => [ready(1), ...batches(20).flatMap((text) => [text, text])],
  // Newest first until `ready`, as far as events are held.
  'held and sorted': () => range(0, count / 10_000).flatMap((turn) => [
    ...range(0, 500).map((part) => JSON.stringify(
      { type: 'batch', events: range(turn * 10_000 + 10_000 - 20 * part - 19, 20).reverse().map((seq) => event(seq)) })),
    ready(turn + 1), 'again']),
};

for (const [kind, make] of Object.entries(kinds)) {
  const texts = make();
  const frames = texts.filter((text) => text !== 'again');
  let parsed = 0;
  let begun = performance.now();
  for (const text of frames) parsed += JSON.parse(text).type.length;
  const bare = performance.now() - begun;

  let shown = 0;
  let last = 0;
  let isOrdered = true;
  const follower = createFollower({ eventTypes: ['price:update'] }, (output) => {
    if (!output.show) return;
    shown += 1;
    isOrdered &&= output.show.seq === last + 1;
    last = output.show.seq;
  });
  begun = performance.now();
  follower.opened(0);
  for (const text of texts) {
    if (text !== 'again') follower.frame(1, text);
    else {
      follower.closed(1);
      follower.opened(1);
    }
  }
  const took = performance.now() - begun;
  const decoded = kind.endsWith('twice') ? 2 * count : count;
  const result = { what: 'decode', kind, per_s: (decoded / took) * 1_000, parse_ratio: took / bare, shown, complete: isOrdered && shown === count };
  console.log(JSON.stringify({ ...result, parsed }));
}
