// The heap of a client and of the page's prices over an hour of virtual time: `--rate` events a second, a loss every four minutes.
import { parseArgs } from 'node:util';
import { connect } from '../../Clients/js/src/index.js';
import { FakeHost } from '../../Clients/js/test/host.js';
import { createPrices } from '../../Pages/prices.js';

const { values } = parseArgs({ options: { rate: { type: 'string', default: '200' }, symbols: { type: 'string', default: '500' } } });
const [rate, symbols] = [Number(values.rate), Number(values.symbols)];
const minutes = 60;
const perTick = rate / 10;

const host = new FakeHost();
const prices = createPrices();
const client = connect('/dev', { host });
let shown = 0;
let passedOver = 0;
client.subscribe('price:update', (event) => {
  shown += 1;
  if (!prices.take(event)) passedOver += 1;
});

let seq = 0;
const event = () => {
  seq += 1;
  const day = Math.floor(seq / symbols);
  return {
    type: 'price:update', key: `SYM${seq % symbols}`, id: `${seq}`, stream: 'all/price:update', seq, timestamp: '2026-11-26T23:11:14.287Z',
    data: { price: 100 + (seq % 977) / 10, date: `2018-01-${String(2 + (day % 26)).padStart(2, '0')}`, pass: Math.floor(day / 26) + 1, volume: seq },
  };
};
const answer = () => {
  const hello = host.socket.sent.findLast(({ type }) => type === 'hello');
  host.socket.receive({ type: 'ready', replay: hello.n, cursor: `cursor-${seq}` });
};
const open = async () => {
  do await host.pass(100);
  while (host.socket.readyState !== 0);
  host.socket.open();
  answer();
  // What the stand-ins of browser and server keep is not the client's.
  host.sockets.splice(0, host.sockets.length - 1);
};

const heaps = [];
const begun = performance.now();
await open();
for (let minute = 1; minute <= minutes; minute += 1) {
  for (let tick = 0; tick < 600; tick += 1) {
    host.socket.receive({ type: 'batch', cursor: 'c', events: Array.from({ length: perTick }, event) });
    await host.pass(100);
    for (const frame of host.socket.sent.splice(1)) if (frame.type === 'ping') host.socket.receive({ type: 'pong', n: frame.n, cursor: 'c' });
  }
  if (minute % 4 === 0) {
    host.socket.drop();
    await open();
  }
  globalThis.gc();
  heaps.push(process.memoryUsage().heapUsed / 1e6);
}
const bars = [...prices.all.values()].reduce((sum, one) => sum + one.bars.length, 0);
client.close();
// The first passes of the records fill the charts; after ten minutes nothing may grow.
const middle = (from, to) => heaps.slice(from, to).sort((one, other) => one - other)[Math.floor((to - from) / 2)];
console.log(JSON.stringify({
  what: 'memory', events: seq, shown, passed_over: passedOver, bars, early_mb: middle(9, 24), late_mb: middle(45, 60), peak_mb: Math.max(...heaps),
  growth_mb: middle(45, 60) - middle(9, 24), seconds: (performance.now() - begun) / 1_000,
}));
