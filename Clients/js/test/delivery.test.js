// One client and one server, step by step by chance, then on until everything is settled.
import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../src/index.js';
import { FakeHost } from './host.js';
import { ModelServer } from './model.js';

const logOf = ({ id }) => id.slice(0, id.lastIndexOf('-'));

/** What a client showed, and what is wrong with it. */
class Shown {
  ids = new Set();
  newest = new Map();
  snapshots = new Map();
  gaps = [];
  faults = [];

  event(event, row) {
    if (row) return;
    const log = logOf(event);
    if (this.ids.has(event.id)) this.faults.push(`${event.id} was shown twice`);
    this.ids.add(event.id);
    const after = Math.max(this.newest.get(log) ?? 0, this.snapshots.get(log) ?? 0);
    if (event.seq <= after) this.faults.push(`${event.id} came after ${after}`);
    this.newest.set(log, event.seq);
  }

  snapshot({ stream, seq, last }, { streams }) {
    const found = streams.find(({ name }) => name === stream);
    if (last) this.snapshots.set(`${stream}-${found.epoch}`, seq);
  }

  gap(gap, { missed }) {
    for (const { stream, missed: count } of gap.streams) {
      const range = missed.find((found) => found.stream === stream && found.to - found.from + 1 === count);
      if (range) this.gaps.push(range);
      else this.faults.push(`a gap of ${count} in ${stream} that is none`);
    }
  }

  /** The events of the log's last epoch that were neither shown nor covered. */
  missing(stream) {
    const isCovered = ({ key, seq }) => key && stream.history.some((other) =>
      other.key === key && other.seq > seq && this.ids.has(other.id));
    const gaps = this.gaps.filter((gap) => gap.stream === stream.name);
    const isInGap = ({ seq }) => gaps.some(({ from, to }) => from <= seq && seq <= to);
    const snapshot = this.snapshots.get(`${stream.name}-${stream.epoch}`) ?? 0;
    return stream.history.filter((event) =>
      !this.ids.has(event.id) && event.seq > snapshot && !isCovered(event) && !isInGap(event));
  }
}

class Run {
  host = new FakeHost();
  shown = new Shown();
  passedOn = 0;

  constructor(seed) {
    this.server = new ModelServer(seed);
    this.start({}, ['a']);
  }

  start(position, types) {
    const { server, shown } = this;
    const client = (this.client = connect('/', {
      host: this.host, position, random: server.random,
      heldEvents: 12, pingMilliseconds: 20_000, basePauseMilliseconds: 50,
    }));
    client.subscribe({ types: [] }, (event, row) => shown.event(event, row));
    for (const type of types) client.subscribe(type, () => {});
    client.on('snapshot', (snapshot) => shown.snapshot(snapshot, server));
    client.on('gap', (gap) => shown.gap(gap, server));
    client.on('diagnostic', ({ code, message }) => {
      if (code !== 'held_overflow') shown.faults.push(`${code}: ${message}`);
    });
    client.on('status', ({ state, reason }) => {
      if (state === 'waiting') this.hangUp();
      if (reason?.code === 'refused' || reason?.code === 'expired') shown.faults.push(reason.code);
    });
  }

  get isOpen() {
    return this.host.socket?.readyState === 1;
  }

  hangUp() {
    this.server.hangUp();
    this.passedOn = 0;
  }

  lose() {
    if (this.isOpen) this.host.socket.drop();
  }

  connect() {
    const { server, host } = this;
    if (host.socket?.readyState !== 0) return;
    this.passedOn = 0;
    if (server.chance(80)) host.socket.open();
    else host.socket.drop();
  }

  deliver() {
    if (this.isOpen && this.server.wire.length) this.host.socket.receive(this.server.wire.shift());
  }

  passOn() {
    const frame = this.isOpen && this.host.socket.sent[this.passedOn];
    if (!frame) return;
    this.passedOn += 1;
    this.server.take(frame);
  }

  round(stream) {
    if (!this.server.round(stream)) this.lose();
  }

  renew(stream) {
    this.lose();
    this.server.renew(stream);
  }

  /** The client ends, and another goes on from its position. */
  restart(types) {
    const { position } = this.client;
    this.client.close();
    this.hangUp();
    this.start(position, types);
  }

  async act(choice, types) {
    const { server } = this;
    const stream = server.pick(server.streams);
    if (choice < 25) server.append(stream);
    else if (choice < 40) this.round(stream);
    else if (choice < 60) server.answerStep();
    else if (choice < 80) this.deliver();
    else if (choice < 88) this.passOn();
    else if (choice < 94) await this.host.pass(server.below(4) ? 20 : server.below(9_000));
    else if (choice < 95) server.trim(stream);
    else if (choice < 97) this.lose();
    else if (choice < 98) this.host.wake('online');
    else if (choice < 99) server.chance(20) && this.renew(stream);
    else if (server.chance(30)) this.restart(types);
    await this.host.pass(server.below(30));
    this.connect();
  }

  get missing() {
    return this.server.streams.flatMap((stream) => this.shown.missing(stream)).map(({ id }) => id);
  }

  get isSettled() {
    const { server, client } = this;
    return client.status.state === 'live' && !server.wire.length && !server.answers.length
      && this.passedOn === this.host.socket.sent.length
      && server.streams.every((one) => one.deliveredThrough === one.head && one.lags === undefined)
      // A frame that is being decompressed holds up what came after it.
      && !this.missing.length;
  }

  async settle() {
    for (let turn = 0; turn < 20_000; turn += 1) {
      this.connect();
      this.passOn();
      this.server.streams.forEach((stream) => this.round(stream));
      this.server.answerStep();
      this.deliver();
      await this.host.pass(turn % 50 ? 5 : 2_000);
      if (this.isSettled) return;
    }
    this.shown.faults.push('it does not come to rest', ...this.missing.map((id) => `${id} was never shown`));
  }
}

test('each event is shown once and in order, or covered by a newer one, a state, or a gap that was told', async () => {
  const first = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  const seeds = Number(process.env.SEEDS ?? 60);
  let count = 0;
  for (let seed = first; seed < first + seeds; seed += 1) {
    const run = new Run(seed);
    for (let step = 0; step < 400; step += 1) {
      if (step === 200) run.client.subscribe('b', () => {});
      await run.act(run.server.below(100), step < 200 ? ['a'] : ['a', 'b']);
    }
    await run.settle();
    run.client.close();
    assert.deepEqual(run.shown.faults.slice(0, 5), [], `SEED=${seed} SEEDS=1 node --test test/delivery.test.js`);
    count += run.shown.ids.size;
  }
  assert.ok(seeds < 20 || count > seeds * 10, `${count} events`);
});
