import { createFollower } from './follower.js';
import { gunzip } from './frames.js';

const never = Infinity;

/** @type {typeof import('./index').connect} */
export const connect = (url, options = {}) => {
  const { connectMilliseconds = 15_000, place, signal: ending, protocols = [], host = globalThis } = options;
  const Socket = options.WebSocket ?? host.WebSocket;
  if (!Socket) throw new TypeError('there is no WebSocket here: pass options.WebSocket');
  const provided = (value) => (typeof value === 'function' ? value() : value);
  const parse = (address) => new URL(address, host.location?.href);
  if (typeof url !== 'function') parse(url);
  const clock = () => host.performance.now();

  const subscriptions = new Set();
  const listeners = Object.create(null);
  const life = new AbortController();
  let attempt = {};
  let inbox;
  let reason = null;
  let wasLive = false;
  let timer;
  // When something is due.
  let openAt = clock();
  let openedAt = -never;
  let giveUpAt = never;
  let followAt = never;
  let followedAt = -never;
  let settle;
  const established = new Promise((resolve, reject) => (settle = { resolve, reject }));
  established.catch(() => {});

  // Handlers: one that throws is reported, and the others still get the event.

  const report = (error) => (host.reportError ? host.reportError(error) : console.error(error));
  const call = (handler, ...values) => {
    try {
      handler(...values)?.catch?.(report);
    } catch (error) {
      report(error);
    }
  };
  const tell = (name, value) => {
    for (const handler of [...(listeners[name] ?? [])]) call(handler, value);
  };

  let status = { state: 'connecting', transport: null, latency: null, reconnects: 0, retryInMilliseconds: null, reason };
  const become = (change) => {
    if (!Object.keys(change).some((name) => status[name] !== change[name])) return;
    status = Object.freeze({ ...status, ...change });
    tell('status', status);
  };

  const deliver = (event, row) => {
    if (!row && event.folded > 0) tell('folded', { folded: event.folded, event });
    for (const one of [...subscriptions]) {
      if (subscriptions.has(one) && (!row || one.state) && one.match(event)) call(one.handler, event, row);
    }
  };

  // The state machine

  const emit = ({ send: frame, show, snapshot, gap, notice, diagnostic, message, inflate: base64, close: left, reconnect, stop }) => {
    if (frame) transmit(frame);
    else if (show) deliver(show);
    else if (snapshot) {
      const { events, ...row } = snapshot;
      tell('snapshot', snapshot);
      for (const event of events) deliver(event, row);
    } else if (gap) tell('gap', gap);
    else if (notice) {
      if (notice.type === 'ready') goLive();
      tell('notice', notice);
    } else if (diagnostic) tell('diagnostic', { code: diagnostic, message });
    else if (base64 !== undefined) inflate(base64);
    else if (left) {
      leave();
      reason = { code: left };
    } else if (stop) finish({ code: stop.reason });
    else {
      openAt = clock() + reconnect;
      become({ state: 'waiting', transport: null, retryInMilliseconds: reconnect, reason });
    }
  };
  const accept = ['batch', ...(host.DecompressionStream ?? globalThis.DecompressionStream ? ['gzip'] : []), 'parts'];
  const follower = createFollower({ ...options, ...place, accept }, emit);

  const goLive = () => {
    const reconnects = status.reconnects + (wasLive && status.state !== 'live' ? 1 : 0);
    wasLive = true;
    become({ state: 'live', reconnects, retryInMilliseconds: null });
    settle.resolve();
  };

  // What comes while a frame is decompressed waits for it.
  const receive = (data) => {
    if (inbox) inbox.push(data);
    else follower.frame(clock(), typeof data === 'string' ? data : '');
  };
  const inflate = async (base64) => {
    const waiting = (inbox = []);
    const text = await gunzip(base64, options.joinedBytes ?? 8 << 20);
    if (inbox !== waiting) return;
    inbox = undefined;
    run(() => {
      follower.inflated(clock(), text);
      waiting.forEach(receive);
    });
  };

  // The connection. What an earlier attempt still says is not heard.

  const open = async () => {
    openAt = never;
    openedAt = clock();
    giveUpAt = openedAt + connectMilliseconds;
    const current = (attempt = {});
    const heard = (work) => (event) => void (current === attempt && run(() => work(event)));
    become({ state: 'connecting', retryInMilliseconds: null });
    try {
      const address = parse(await provided(url));
      const names = await provided(protocols);
      if (current !== attempt) return;
      address.protocol = address.protocol.replace('http', 'ws');
      const socket = (current.socket = new Socket(address.href, names));
      socket.onopen = heard(() => {
        giveUpAt = never;
        become({ transport: 'websocket' });
        follower.opened(clock());
      });
      socket.onmessage = heard(({ data }) => receive(data));
      socket.onclose = heard(({ code, reason: closeReason }) => {
        lose({ code: giveUpAt === never ? 'lost' : 'unreachable', closeCode: code, closeReason });
      });
      socket.onerror = () => {};
    } catch (error) {
      heard(() => lose({ code: 'unreachable', error }))();
    }
  };
  const leave = () => {
    const { socket } = attempt;
    attempt = {};
    inbox = undefined;
    giveUpAt = never;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  };
  const lose = (why) => {
    leave();
    reason = why;
    follower.closed(clock());
  };
  const transmit = (frame) => {
    if (attempt.socket?.readyState !== 1) return false;
    attempt.socket.send(JSON.stringify(frame));
    return true;
  };
  const finish = (why) => {
    if (status.state === 'closed') return;
    follower.stop();
    leave();
    life.abort();
    openAt = followAt = never;
    host.clearTimeout(timer);
    become({ state: 'closed', transport: null, retryInMilliseconds: null, reason: why });
    settle.reject(why);
    for (const { end } of subscriptions) end?.();
    subscriptions.clear();
    for (const name in listeners) delete listeners[name];
  };

  // Time. Every input looks at what is due, as browsers slow the timers of hidden pages, but not what arrives.

  const arm = () => {
    host.clearTimeout(timer);
    const due = Math.min(openAt, giveUpAt, followAt, follower.wakeAt);
    if (due < never) timer = host.setTimeout(run, Math.max(0, Math.ceil(due - clock())));
  };
  const run = (work) => {
    work?.();
    const now = clock();
    if (giveUpAt <= now) lose({ code: 'timeout' });
    if (followAt <= now) follow(now);
    if (openAt <= now) open();
    follower.time(now);
    become({ latency: follower.latency ?? null });
    arm();
  };
  // The union of all subscriptions, at most ten times a second.
  const follow = (now) => {
    followAt = never;
    followedAt = now;
    const all = [...subscriptions].filter(({ types }) => types.length);
    const keys = all.every((one) => one.keys.length) ? all.flatMap((one) => one.keys) : [];
    follower.follow(now, all.flatMap(({ types }) => types), keys);
  };
  const change = () => {
    followAt = Math.min(followAt, Math.max(clock(), followedAt + 100));
    arm();
  };

  // `readyState` says "open" of sockets that died in sleep.
  const wake = ({ type }) => {
    if (type === 'visibilitychange' && host.document.visibilityState === 'hidden') return;
    run(() => {
      if (openAt < never) openAt = Math.min(openAt, Math.max(clock(), openedAt + 1_000));
      else follower.probe(clock());
    });
  };

  // What the application calls

  const subscribe = (filter, handler, { signal, end } = {}) => {
    const { types = [], keys = [], match, state = true } = typeof filter === 'string' ? { types: [filter] } : filter;
    const isKey = (key = '') => (wanted) => (wanted.endsWith('*') ? key.startsWith(wanted.slice(0, -1)) : key === wanted);
    const fits = ({ type, key }) => (!types.length || types.includes(type)) && (!keys.length || keys.some(isKey(key)));
    const one = { types, keys, match: match ?? fits, state, handler, end };
    const undo = () => {
      signal?.removeEventListener('abort', undo);
      if (subscriptions.delete(one)) change();
      end?.();
    };
    if (life.signal.aborted || signal?.aborted) end?.();
    else {
      signal?.addEventListener('abort', undo, { signal: life.signal });
      subscriptions.add(one);
      change();
    }
    return undo;
  };

  const events = (filter, { signal, buffer = 10_000 } = {}) => {
    const queue = [];
    const readers = [];
    let dropped = 0;
    let isDone = false;
    const settleReaders = () => {
      while (readers.length && (queue.length || isDone)) {
        readers.shift()(queue.length ? { value: queue.shift(), done: false } : { value: undefined, done: true });
      }
    };
    const end = () => {
      isDone = true;
      settleReaders();
    };
    const take = (event) => {
      queue.push(event);
      if (queue.length > buffer) {
        queue.shift();
        dropped += 1;
      }
      settleReaders();
    };
    const undo = subscribe(filter, take, { signal, end });
    return {
      next() {
        if (dropped) tell('gap', { missed: dropped, reason: 'buffer', streams: [] });
        dropped = 0;
        return new Promise((resolve) => {
          readers.push(resolve);
          settleReaders();
        });
      },
      async return() {
        queue.length = 0;
        undo();
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };

  const listening = { signal: life.signal };
  for (const name of ['visibilitychange', 'resume']) host.document?.addEventListener?.(name, wake, listening);
  for (const name of ['pageshow', 'online']) host.addEventListener?.(name, wake, listening);
  const abort = () => finish({ code: 'aborted' });
  ending?.addEventListener('abort', abort, listening);
  if (ending?.aborted) abort();
  else arm();

  return {
    subscribe,
    events,
    established,
    on(name, handler) {
      const handlers = (listeners[name] ??= new Set());
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    send: transmit,
    probe() {
      follower.probe(clock());
      arm();
    },
    close: () => finish({ code: 'closed' }),
    get status() {
      return status;
    },
    get place() {
      return follower.place;
    },
  };
};
