// A server of the protocol over a log in memory, for one client, as unkind as the protocol allows: its work is done in
// steps of which any may come next, and what it posts may come twice, late, compressed or in parts.
import { gzipSync } from 'node:zlib';

/** Mulberry32: even draws from 0 up to but not 1, the same ones for the same seed. */
export const generator = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

class Stream {
  epoch = 0;
  /** What can still be had; `history` is all there ever was in this epoch. */
  events = [];
  history = [];
  first = 1;
  deliveredThrough = 0;
  /** The first event that the connection lacks, if a post was refused. */
  lags = undefined;

  constructor(name) {
    this.name = name;
  }

  get head() {
    return this.first + this.events.length - 1;
  }

  after(seq) {
    return this.events.filter((event) => event.seq > seq);
  }
}

export class ModelServer {
  streams = ['all/a', 'all/b', 'user/u-1'].map((name) => new Stream(name));
  followed = new Set();
  answers = [];
  /** What was posted and has not arrived. */
  wire = [];
  /** What the last resume said was missed. */
  missed = [];
  #parts = 0;

  constructor(seed) {
    this.random = generator(seed);
  }

  chance(percent) {
    return this.random() * 100 < percent;
  }

  below(bound) {
    return Math.floor(this.random() * bound);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  // The log

  append(stream) {
    const seq = stream.head + 1;
    const event = {
      type: stream.name.split('/')[1], id: `${stream.name}-${stream.epoch}-${seq}`, stream: stream.name, seq, data: 1,
      ...(this.chance(80) && { key: `k${this.below(3)}` }),
    };
    stream.events.push(event);
    stream.history.push(event);
  }

  trim(stream) {
    // Retention does not reach what was not sent.
    const count = Math.min(this.below(8), stream.events.length, stream.deliveredThrough - stream.first + 1);
    for (let trimmed = 0; trimmed < count; trimmed += 1) {
      stream.events.shift();
      stream.first += 1;
    }
  }

  /** The log is begun anew, as after its table was lost. */
  renew(stream) {
    const epoch = stream.epoch + 1;
    Object.assign(stream, new Stream(stream.name), { epoch });
  }

  /** The connection is gone, and what was under way in it. */
  hangUp() {
    this.followed.clear();
    this.answers = [];
    this.wire = [];
    for (const stream of this.streams) stream.lags = undefined;
  }

  // Sending

  /** One round of a stream's sender; false: the log does not reach back to what the connection lacks. It is closed. */
  round(stream) {
    const { deliveredThrough, head, lags } = stream;
    if (head === deliveredThrough && lags === undefined) return true;
    if (lags < stream.first) return false;
    const end = head > deliveredThrough ? deliveredThrough + 1 + this.below(head - deliveredThrough) : head;
    stream.deliveredThrough = end;
    if (!this.followed.has(stream.name)) return true;
    const from = lags ?? deliveredThrough + 1;
    stream.lags = from;
    if (this.chance(10)) return true;
    let events = stream.after(from - 1).filter(({ seq }) => seq <= end);
    if (lags === undefined && this.chance(50)) events = this.#folded(events);
    this.#postAll(events);
    // It did not hear of its success, and does it again.
    if (!this.chance(10)) stream.lags = undefined;
    return true;
  }

  #folded(events) {
    const same = ({ key }) => events.filter((other) => key && other.key === key);
    return events.filter((event) => !event.key || same(event).at(-1) === event)
      .map((event) => (same(event).length > 1 ? { ...event, folded: same(event).length - 1 } : event));
  }

  #postAll(events) {
    if (this.chance(50)) this.#post({ type: 'batch', events, cursor: 'one' });
    else for (const event of events) this.#post(event);
  }

  #post(frame) {
    const text = JSON.stringify(frame);
    if (this.chance(10)) return this.#postParts(text);
    const whole = this.chance(10) ? JSON.stringify({ type: 'gzip', data: gzipSync(text).toString('base64') }) : text;
    this.wire.push(whole, ...(this.chance(10) ? [whole] : []));
    const late = this.pick(this.wire);
    if (this.chance(10) && !late.includes('"part"')) this.wire.push(late);
  }

  #postParts(text) {
    const id = `p-${++this.#parts}`;
    const cut = this.below(text.length);
    for (const [index, data] of [text.slice(0, cut), text.slice(cut)].entries()) {
      const part = JSON.stringify({ type: 'part', id, index, count: 2, data });
      this.wire.push(part, ...(this.chance(10) ? [part] : []));
    }
  }

  // Answers

  take(frame) {
    if (frame.type === 'hello') this.#hello(frame);
    else if (frame.type === 'unsubscribe') for (const type of frame.eventTypes) this.followed.delete(`all/${type}`);
    else if (frame.type === 'ping') {
      const cursor = this.#cursor((stream) => (stream.lags ?? stream.deliveredThrough + 1) - 1);
      if (this.chance(90)) this.wire.push(JSON.stringify({ type: 'pong', n: frame.n, cursor }));
    } else throw new Error(`the client said ${JSON.stringify(frame)}`);
  }

  #cursor(seq) {
    const followed = this.streams.filter(({ name }) => this.followed.has(name));
    return followed.map((stream) => `${stream.name}@${stream.epoch}=${seq(stream)}`).join(';') || undefined;
  }

  #hello({ n: replay, cursor, seen = {}, eventTypes }) {
    if (this.chance(5)) return;
    for (const type of eventTypes) this.followed.add(`all/${type}`);
    this.followed.add('user/u-1');
    const told = [];
    this.missed = [];
    for (const stream of this.streams.filter(({ name }) => this.followed.has(name))) {
      const mark = `${stream.name}@${stream.epoch}=`;
      const entry = cursor?.split(';').find((found) => found.startsWith(mark));
      const place = entry && Math.max(Number(entry.slice(mark.length)), seen[stream.name] ?? 0);
      if (place + 1 < stream.first) this.missed.push({ stream: stream.name, from: place + 1, to: stream.first - 1 });
      if (place !== undefined && (place + 1 >= stream.first || this.chance(50))) {
        const events = stream.after(place).map((event) => ({ ...event, replay }));
        told.push(...(this.chance(50) ? events : [{ type: 'batch', events, replay }]));
      } else told.push(...this.#snapshot(stream, replay));
    }
    const streams = this.missed.map(({ stream, from, to }) => ({ stream, missed: to - from + 1, reason: 'trimmed' }));
    const missed = streams.reduce((sum, one) => sum + one.missed, 0);
    const recovered = missed ? 'part' : 'all';
    const frames = [
      { type: 'connection', replay },
      ...(cursor ? [{ type: 'resume', replay, recovered, missed, reason: null, streams }] : []),
      ...told, { type: 'ready', replay, cursor: this.#cursor(({ head }) => head) }];
    // It breaks off, or is done twice.
    if (this.chance(10)) frames.length = this.below(frames.length);
    this.answers.push([...frames], ...(this.chance(10) ? [[...frames]] : []));
  }

  #snapshot(stream, replay) {
    const rows = stream.events.filter(({ key }) => key);
    const cut = this.chance(30) ? rows.length >> 1 : rows.length;
    const pieces = cut < rows.length ? [rows.slice(0, cut), rows.slice(cut)] : [rows];
    return pieces.map((events, index) => ({
      type: 'snapshot', replay, stream: stream.name, seq: stream.head, events,
      ...(index + 1 < pieces.length && { more: true }),
    }));
  }

  /** Posts the next frame of some answer. */
  answerStep() {
    if (!this.answers.length) return;
    const answer = this.pick(this.answers);
    if (answer.length) this.#post(answer.shift());
    else this.answers.splice(this.answers.indexOf(answer), 1);
  }
}
