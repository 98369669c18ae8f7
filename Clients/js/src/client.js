import { createFollower } from './follower.js';
import { gunzip } from './unpacking.js';
import { iterate } from './iterate.js';

const never = Infinity;
const isKey = (key = '') => (wanted) => (wanted.endsWith('*') ? key.startsWith(wanted.slice(0, -1)) : key === wanted);
const provided = (value) => (typeof value === 'function' ? value() : value);

/** @type {typeof import('./index').connect} */
export const connect = (url, options = {}) => {
  const { connectMilliseconds = 15_000, position, protocols = [], host = globalThis, signal: outerSignal } = options;
  const Socket = options.WebSocket ?? host.WebSocket;
  if (!Socket) throw new TypeError('there is no WebSocket here: pass options.WebSocket');
  const clock = () => host.performance.now();
  const parse = (address) => new URL(address, host.location?.href);
  if (typeof url !== 'function') parse(url);

  const subscriptions = new Set();
  const listeners = new Map();
  // Aborted by close: all listeners that hang on it are gone then.
  const life = new AbortController();
  const { signal } = life;
  /** @type {any} The moments at which something is due. */
  let due = { open: clock() };
  /** @type {any} The connection, or the attempt to have one. */
  let line = {};
  /** @type {any} */
  let status = Object.freeze(
    { state: 'connecting', transport: null, latency: null, reconnects: 0, retryInMilliseconds: null, reason: null });
  let reason = null;
  let wasLive = false;
  let openedAt = -never;
  let wokeAt = -never;
  let followedAt = -never;
  let timer;
  let settle;
  const established = new Promise((resolve, reject) => (settle = { resolve, reject }));
  established.catch(() => {});

  // Handlers: one that throws does not harm the others.

  const report = (error) => (host.reportError ? host.reportError(error) : console.error(error));
  const call = (handler, ...values) => {
    try {
      handler(...values)?.catch?.(report);
    } catch (error) {
      report(error);
    }
  };
  const emit = (name, value) => {
    for (const handler of [...(listeners.get(name) ?? [])]) call(handler, value);
  };
  const become = (change) => {
    if (!Object.keys(change).some((name) => status[name] !== change[name])) return;
    status = Object.freeze({ ...status, ...change });
    emit('status', status);
  };
  const deliver = (event, row) => {
    if (!row && event.folded > 0) emit('folded', { folded: event.folded, event });
    for (const one of [...subscriptions]) if (subscriptions.has(one)) call(one.receive, event, row);
  };

  // The state machine's outputs

  const outputs = {
    send: (frame) => send(frame),
    show: (event) => deliver(event),
    snapshot(snapshot) {
      const { events: rows, ...row } = snapshot;
      emit('snapshot', snapshot);
      for (const event of rows) deliver(event, row);
    },
    gap: (gap) => emit('gap', gap),
    notice(frame) {
      if (frame.type === 'ready' && status.state !== 'live') {
        become({ state: 'live', reconnects: status.reconnects + (wasLive ? 1 : 0), retryInMilliseconds: null });
        wasLive = true;
        settle.resolve();
      }
      emit('notice', frame);
    },
    diagnostic: (code, { message }) => emit('diagnostic', { code, message }),
    // Frames that come while one is decompressed wait for it.
    async inflate(base64) {
      const waiting = [];
      line.waiting = waiting;
      const text = await gunzip(base64, options.joinedBytes ?? 8 << 20);
      if (line.waiting !== waiting) return;
      line.waiting = undefined;
      run(() => {
        follower.inflated(clock(), text);
        waiting.forEach(receive);
      });
    },
    close(code) {
      leave();
      reason = { code };
    },
    reconnect(pause) {
      const now = clock();
      // Sockets often end just after waking, which is no fault of the server: once, the pause is left out.
      due.open = now - wokeAt < 5_000 ? Math.max(now, openedAt + 1_000) : now + pause;
      wokeAt = -never;
      const retryInMilliseconds = due.open - now;
      become({ state: 'waiting', transport: null, retryInMilliseconds, reason });
    },
    stop: (why) => finish(why.reason),
  };
  const accept = ['batch', ...(globalThis.DecompressionStream ? ['gzip'] : []), 'parts'];
  const follower = createFollower({ ...options, ...position, accept }, (output) => {
    for (const name in output) outputs[name]?.(output[name], output);
  });

  // The connection

  const receive = (data) => {
    if (line.waiting) line.waiting.push(data);
    else follower.frame(clock(), typeof data === 'string' ? data : '');
  };
  const send = (frame) => {
    const isOpen = line.socket?.readyState === 1;
    if (isOpen) line.socket.send(JSON.stringify(frame));
    return isOpen;
  };
  const open = async () => {
    const current = {};
    line = current;
    // What an earlier attempt still says is not heard.
    const heard = (work) => (event) => void (current === line && run(() => work(event)));
    openedAt = clock();
    due.giveUp = openedAt + connectMilliseconds;
    delete due.open;
    become({ state: 'connecting', retryInMilliseconds: null });
    try {
      const address = parse(await provided(url));
      const names = await provided(protocols);
      if (current !== line) return;
      address.protocol = address.protocol.replace('http', 'ws');
      // Else the server greets it.
      address.search += `${address.search && '&'}hello=1`;
      const socket = new Socket(address.href, names);
      line.socket = socket;
      socket.onopen = heard(() => {
        delete due.giveUp;
        become({ transport: 'websocket' });
        follower.opened(clock());
      });
      socket.onmessage = heard(({ data }) => receive(data));
      socket.onclose = heard(({ code: closeCode, reason: closeReason }) =>
        lose({ code: due.giveUp ? 'unreachable' : 'lost', closeCode, closeReason }));
      socket.onerror = () => {};
    } catch (error) {
      heard(() => lose({ code: 'unreachable', error }))();
    }
  };
  const leave = () => {
    const { socket } = line;
    line = {};
    delete due.giveUp;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  };
  const lose = (why) => {
    leave();
    reason = why;
    follower.closed(clock());
  };
  const finish = (code) => {
    if (signal.aborted) return;
    life.abort();
    follower.stop();
    leave();
    host.clearTimeout(timer);
    become({ state: 'closed', transport: null, retryInMilliseconds: null, reason: { code } });
    settle.reject(status.reason);
    for (const { end } of subscriptions) end?.();
    subscriptions.clear();
    listeners.clear();
  };

  // Time. Each input looks at what is due, as browsers slow the timers of hidden pages, but not what arrives.

  const arm = () => {
    host.clearTimeout(timer);
    const moment = Math.min(follower.wakeAt, ...Object.values(due));
    if (moment === never || signal.aborted) return;
    timer = host.setTimeout(() => run(), Math.max(0, Math.ceil(moment - clock())));
  };
  const run = (work) => {
    work?.();
    if (signal.aborted) return;
    const now = clock();
    if (due.giveUp <= now) lose({ code: 'timeout' });
    if (due.follow <= now) follow(now);
    if (due.open <= now) open();
    follower.time(now);
    become({ latency: follower.latency ?? null });
    arm();
  };
  // The union of all subscriptions is followed; it changes at most ten times a second.
  const follow = (now) => {
    followedAt = now;
    delete due.follow;
    const all = [...subscriptions].filter(({ types }) => types.length);
    const keys = all.every((one) => one.keys.length) ? all.flatMap((one) => one.keys) : [];
    follower.follow(now, all.flatMap(({ types }) => types), keys);
  };
  const changed = () => {
    due.follow ??= Math.max(clock(), followedAt + 100);
    arm();
  };
  // `readyState` says "open" of sockets that died in sleep.
  const wake = ({ type }) => {
    if (type === 'visibilitychange' && host.document.visibilityState === 'hidden') return;
    wokeAt = clock();
    run(() => {
      if (due.open) due.open = Math.min(due.open, Math.max(wokeAt, openedAt + 1_000));
      else follower.probe(wokeAt);
    });
  };

  // What the application calls

  /** @param {any} filter @param {any} how `end` is called when nothing more comes. */
  const subscribe = (filter, handler, how = {}) => {
    const wanted = typeof filter === 'string' ? { types: filter } : filter;
    const types = [wanted.types ?? []].flat();
    const keys = [wanted.keys ?? []].flat();
    const fits = ({ type, key }) => (!types.length || types.includes(type)) && (!keys.length || keys.some(isKey(key)));
    const receive = (event, row) =>
      ((row && wanted.state === false) || !(wanted.match ?? fits)(event) ? undefined : handler(event, row));
    const one = { types, keys, receive, end: how.end };
    const undo = () => {
      how.signal?.removeEventListener('abort', undo);
      if (subscriptions.delete(one)) changed();
      how.end?.();
    };
    subscriptions.add(one);
    if (signal.aborted || how.signal?.aborted) undo();
    else {
      how.signal?.addEventListener('abort', undo, { signal });
      changed();
    }
    return undo;
  };

  const onDrop = (missed) => emit('gap', { missed, reason: 'buffer', streams: [] });
  const events = (filter, how) => iterate(subscribe, filter, how, onDrop);

  for (const name of ['visibilitychange', 'resume']) host.document?.addEventListener(name, wake, { signal });
  for (const name of ['pageshow', 'online']) host.addEventListener?.(name, wake, { signal });
  const abort = () => finish('aborted');
  outerSignal?.addEventListener('abort', abort, { signal });
  if (outerSignal?.aborted) abort();
  else arm();

  return {
    subscribe, events, established, send,
    on(name, handler) {
      const handlers = listeners.get(name) ?? new Set();
      listeners.set(name, handlers.add(handler));
      return () => void handlers.delete(handler);
    },
    probe() {
      follower.probe(clock());
      arm();
    },
    close: () => finish('closed'),
    get status() {
      return status;
    },
    get position() {
      return follower.position;
    },
  };
};
