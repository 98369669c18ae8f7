import { connect } from '../src/index.js';

// A page without a browser: its clock is moved by hand, its sockets are opened, fed and closed by the test.

export class FakeSocket {
  readyState = 0;
  sent = [];

  constructor(host, url, protocols) {
    Object.assign(this, { host, url, protocols });
    host.sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  // What the test does

  open() {
    this.readyState = 1;
    this.onopen?.({});
  }

  receive(...frames) {
    for (const frame of frames) this.onmessage?.({ data: typeof frame === 'object' ? JSON.stringify(frame) : frame });
  }

  drop(code = 1006, reason = '') {
    this.readyState = 3;
    this.onclose?.({ code, reason, wasClean: false });
  }

  /** Answers the last hello with `frames` and `ready`. */
  answer(...frames) {
    const replay = this.sent.findLast(({ type }) => type === 'hello').n;
    this.receive(...frames.map((frame) => ({ ...frame, replay })), { type: 'ready', replay, cursor: `c${replay}` });
  }

  count(type) {
    return this.sent.filter((frame) => frame.type === type).length;
  }
}

export class FakeHost extends EventTarget {
  now = 1_000;
  sockets = [];
  reported = [];
  timers = new Map();
  #timer = 0;
  performance = { now: () => this.now };
  document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  location = { href: 'https://example.org/page/' };
  WebSocket;

  constructor() {
    super();
    const host = this;
    this.WebSocket = function (url, protocols) {
      return new FakeSocket(host, url, protocols);
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  setTimeout(work, milliseconds) {
    this.timers.set(++this.#timer, { work, at: this.now + milliseconds });
    return this.#timer;
  }

  clearTimeout(timer) {
    this.timers.delete(timer);
  }

  reportError(error) {
    this.reported.push(error);
  }

  /** Lets time pass, and timers fire in their order; promises are settled between them. */
  async pass(milliseconds) {
    const end = this.now + milliseconds;
    await settled();
    for (;;) {
      const [next] = [...this.timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at);
      if (!next) break;
      this.timers.delete(next[0]);
      this.now = Math.max(this.now, next[1].at);
      next[1].work();
      await settled();
    }
    this.now = end;
  }

  /** Time during which nothing runs, as in a frozen page or a machine that sleeps. */
  sleep(milliseconds) {
    this.now += milliseconds;
  }

  wake(name) {
    (name === 'visibilitychange' || name === 'resume' ? this.document : this).dispatchEvent(new Event(name));
  }
}

/** When everything that was promised is settled. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export const price = (seq, key = 'AAPL', more = {}) =>
  ({ type: 'price', key, id: `${seq}`, stream: 'all/price', seq, data: { n: seq }, ...more });

/** A client that is live, and what it told. */
export async function live(options = {}, filter = 'price') {
  const host = new FakeHost();
  const client = connect('/dev', { host, random: () => 0.5, ...options });
  const shown = [];
  if (filter) client.subscribe(filter, (event) => shown.push(event.seq));
  const told = { status: [], gap: [], folded: [], snapshot: [], notice: [], diagnostic: [] };
  for (const name of Object.keys(told)) client.on(name, (value) => told[name].push(value));
  await host.pass(0);
  host.socket.open();
  host.socket.answer();
  return { host, client, shown, told };
}

/** Opens and answers the next connection. */
export async function again(host, ...frames) {
  await host.pass(0);
  host.socket.open();
  host.socket.answer(...frames);
}
