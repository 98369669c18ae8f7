import { check, cursorKind, flag, list, name, need, object, readResume, text, whole, wrong } from './frames.js';
import { createHeld, createPlaces } from './places.js';
import { createUnpacking } from './unpacking.js';

const lacking = (words, others) => words.filter((word) => !others.includes(word));

/**
 * A client's half of the protocol, without socket and clock: `Docs/client.md` has the rules, `index.d.ts` the calls.
 * @type {typeof import('./index').createFollower}
 */
export const createFollower = (options, emit) => {
  const {
    hello: saysHello = true, accept = ['batch', 'gzip', 'parts'], random = Math.random, readyMilliseconds = 10_000,
    helloAttempts = 6, pingMilliseconds = 240_000, pongMilliseconds = 10_000, probeMilliseconds = 3_000,
    livedMilliseconds = 10_000, basePauseMilliseconds = 500, maximumPauseMilliseconds = 30_000,
    rotateMilliseconds = 30_000, heldEvents = 10_000, joinedBytes = 8 << 20, streams: maximumStreams = 256,
  } = options;
  let { eventTypes = [], keys = [] } = options;
  // A saved position may be anything.
  let cursor = cursorKind(options.cursor) ? options.cursor : undefined;
  const places = createPlaces(options.seen, maximumStreams, () => reportStreams());
  let now = 0;
  let hellos = 0;
  let pings = 0;
  let attempts = 0;
  let latency;
  let isStopped = false;
  /** @type {any} What ends with the connection. `phase`: 'asking' (a hello waits for its `ready`), 'live', or none. */
  let line = { due: {} };

  const draw = (bound) => Math.floor(random() * bound);
  const notice = (frame) => emit({ notice: frame });
  const report = (diagnostic, message) => emit({ diagnostic, message });

  // What is sent

  const sendChange = (type, types, some) =>
    emit({ send: { type, eventTypes: types, ...(some.length && { keys: some }) } });

  // A hello names all that is followed and the position, so it makes up for whatever became of earlier ones.
  const sayHello = () => {
    Object.assign(line, { phase: 'asking', snapshots: new Map(), resumedTo: undefined, isLossy: false, helloAt: now });
    line.due.hello = now + readyMilliseconds;
    const followed = { eventTypes, ...(keys.length && { keys }), accept };
    emit({ send: places.join({ type: 'hello', n: ++hellos, ...(cursor && { cursor }), ...followed }) });
  };

  const sayHelloAgain = () => {
    if (!line.phase) return;
    if (++line.retries < helloAttempts) sayHello();
    else abandon('no_ready');
  };

  const ping = (patience) => {
    Object.assign(line, { pingAt: now, hellosAtPing: hellos });
    line.due.ping = now + pingMilliseconds;
    line.due.pong = Math.min(line.due.pong ?? Infinity, now + patience);
    emit({ send: { type: 'ping', n: ++pings } });
  };

  // How a connection ends

  const hasLived = () => line.wasReady && now - line.connectedAt >= livedMilliseconds;

  const abandon = (reason) => {
    const isAtOnce = hasLived() || reason === 'rotate';
    emit({ close: reason });
    reconnect(isAtOnce);
  };

  // The pause is an even draw below a bound that doubles, so that many clients do not come back together.
  const reconnect = (isAtOnce) => {
    let bound = maximumPauseMilliseconds;
    if (!line.isOverLimit) {
      if (isAtOnce) attempts = 0;
      bound = isAtOnce ? 0 : Math.min(bound, basePauseMilliseconds * 2 ** Math.min(attempts++, 20));
    }
    line = { due: {} };
    emit({ reconnect: bound && draw(bound) });
  };

  const stop = (reason) => {
    isStopped = true;
    line = { due: {} };
    if (reason) emit({ stop: reason });
  };

  // Frames

  const consume = (frame, wrapping) => {
    const { type, message, connectionId } = frame;
    if (type) (consumers[type] ?? consumeEvent)(frame, wrapping);
    // API Gateway's own errors have no type.
    else if (type == null && message != null && connectionId != null) notice(frame);
    else throw wrong('type');
  };

  // A frame that cannot be read is asked for once, as it would come again and again; after that it is a gap.
  const askForLost = () => {
    if (!saysHello) return;
    if (line.phase === 'asking' && line.hasAsked) return void (line.isLossy = true);
    line.hasAsked = true;
    sayHelloAgain();
  };

  // An answer to the hello that waits gives it time; answers to earlier ones are ignored.
  const isAwaited = (replay) => {
    if (replay > hellos) throw { diagnostic: 'unknown_replay', message: `hello ${replay} was never said` };
    if (replay < hellos || line.phase !== 'asking') return false;
    line.due.hello = now + readyMilliseconds;
    return true;
  };
  const isCurrent = (frame) => (saysHello ? isAwaited(need(frame, { replay: whole }).replay) : frame.replay == null);

  const unpacking = createUnpacking(joinedBytes, emit, consume, () => askForLost(), () => line.phase);

  // The protocol's own frames by type; no event bears one of these.
  const consumers = {
    __proto__: null,
    batch: (frame) => unpacking.batch(frame, consumeEvent), gzip: unpacking.gzip, part: unpacking.part,
    hello: notice, subscribe: notice, subscribed: notice, unsubscribe: notice, unsubscribed: notice, status: notice,
    connection_established: notice,
    heartbeat() {},
    ping: () => emit({ send: { type: 'pong' } }),

    connection(frame) {
      const { replay } = check(frame, { replay: whole });
      if (replay != null && !isAwaited(replay)) return;
      if (replay != null) latency = now - line.helloAt;
      notice(frame);
    },

    resume(frame) {
      const { isAll, isWhole, missed, reason, to, gaps } = readResume(frame);
      if (!isCurrent(frame)) return;
      line.resumedTo = to;
      for (const gap of gaps) if (gap.reason === 'epoch') places.forget(gap.stream);
      if (isWhole) places.forget();
      notice(frame);
      if (missed ?? !isAll) emit({ gap: { missed, reason, streams: gaps } });
    },

    snapshot(frame) {
      const known = check(frame, { more: flag });
      const { stream, seq, events, more } = need(known, { stream: name, seq: whole, events: list });
      if (!isCurrent(frame)) return;
      const before = line.snapshots.get(stream);
      if (before && (before.last ? seq <= Math.max(before.seq, places.at(stream)) : seq < before.seq)) return;
      if (!before && line.snapshots.size >= maximumStreams) return reportStreams();
      const last = !more;
      line.snapshots.set(stream, { seq, last });
      const rows = [];
      for (const event of events) unpacking.guard(() => rows.push(asEvent(event)));
      if (last) places.move(stream, seq);
      emit({ snapshot: { stream, seq, events: rows, first: before?.seq !== seq, last } });
    },

    ready(frame) {
      const { cursor: to } = check(frame, { cursor: cursorKind });
      if (!isCurrent(frame)) return;
      const { held, isLossy, resumedTo, snapshots } = line;
      // In the middle of a snapshot it is that of another answer to the same hello.
      if (!isLossy && [...snapshots.values()].some(({ last }) => !last)) return;
      Object.assign(line, { isLossy: false, hasAsked: false });
      if (isLossy) emit({ gap: { missed: null, reason: 'unknown', streams: [] } });
      for (const event of held.take()) if (line.phase) show(event);
      if (!line.phase) return;
      cursor = to ?? resumedTo ?? cursor;
      Object.assign(line, { phase: 'live', wasReady: true, retries: 0 });
      delete line.due.hello;
      line.due.ping ??= now + pingMilliseconds;
      notice(frame);
    },

    pong(frame) {
      const { n, cursor: to } = check(frame, { n: whole, cursor: cursorKind });
      if ((n ?? pings) !== pings) return;
      if (line.due.pong) latency = now - line.pingAt;
      delete line.due.pong;
      // The cursor is that of what was followed at the ping, and of what was delivered: what is held was not shown yet.
      if (line.phase === 'live' && line.hellosAtPing === hellos) cursor = to ?? cursor;
    },

    rotate(frame) {
      const { withinMilliseconds } = check(frame, { withinMilliseconds: whole });
      notice(frame);
      line.due.rotate ??= now + draw(Math.min(withinMilliseconds ?? rotateMilliseconds, 3_600_000));
    },

    error(frame) {
      const { code } = check(frame, { code: text });
      notice(frame);
      if (code === 'limit') line.isOverLimit = true;
      if (code !== 'expired') return;
      emit({ close: code });
      stop({ reason: code });
    },
  };

  // Events

  const asEvent = (value) => {
    if (need(object(value), { type: name }).type in consumers) throw wrong('type');
    return value;
  };

  const consumeEvent = (value, wrapping, batchReplay) => {
    const event = check(asEvent(value), { replay: whole });
    const replay = event.replay ?? batchReplay;
    // A server without a log sends events without a position: nothing tells a second one from the first.
    const hasPosition = event.stream != null && event.seq != null;
    if (hasPosition && !need(event, { stream: name, seq: whole }).seq) throw wrong('seq');
    if (replay != null && !isAwaited(replay)) return;
    if (!hasPosition) emit({ show: event });
    else if (replay == null && line.phase === 'asking') hold(event);
    else show(event);
  };

  // Events that there is no room for are not lost: the next hello asks for them.
  const hold = (event) => {
    if (line.held.add(event)) return;
    report('held_overflow', 'too many live events before ready');
    sayHelloAgain();
  };

  const show = (event) => {
    if (event.seq <= places.at(event.stream)) return;
    places.move(event.stream, event.seq);
    emit({ show: event });
  };

  const reportStreams = () => {
    if (!line.hasReported) report('too_many_streams', `events of more than ${maximumStreams} streams`);
    line.hasReported = true;
  };

  // Inputs

  const input = (work, needsConnection = true) => (moment, one, other) => {
    if (isStopped || (needsConnection && !line.phase)) return;
    now = moment;
    work(one, other);
  };

  const follow = (types, some) => {
    const [oldTypes, oldKeys] = [eventTypes, keys];
    eventTypes = [...new Set(types)];
    keys = [...new Set(some)];
    if (!line.phase) return;
    const gone = lacking(oldTypes, eventTypes);
    if (gone.length) sendChange('unsubscribe', gone, oldKeys);
    const isWider = oldKeys.length && (!keys.length || lacking(keys, oldKeys).length);
    if (!isWider && !lacking(eventTypes, oldTypes).length) return;
    if (saysHello) sayHello();
    else sendChange('subscribe', eventTypes, keys);
  };

  return {
    opened: input(() => {
      const held = createHeld(heldEvents, joinedBytes);
      line = { due: {}, connectedAt: now, retries: 0, snapshots: new Map(), held };
      unpacking.begin();
      if (saysHello) return sayHello();
      Object.assign(line, { phase: 'live', wasReady: true });
      line.due.ping = now + pingMilliseconds;
      if (eventTypes.length) sendChange('subscribe', eventTypes, keys);
    }, false),
    frame: input((content) => unpacking.read(content)),
    inflated: input((content) => {
      if (content !== undefined) return unpacking.read(content, 'gzip');
      report('bad_gzip', 'no base64 of gzip, or too large');
      askForLost();
    }),
    closed: input((status) => {
      if (status === undefined || status >= 500 || [408, 425, 429].includes(status)) reconnect(hasLived());
      else stop({ reason: 'refused', status });
    }, false),
    time: input(() => {
      const { due } = line;
      if (due.rotate <= now) return abandon('rotate');
      if (due.pong <= now) return abandon('no_pong');
      if (due.hello <= now) sayHelloAgain();
      if (due.ping <= now && line.phase) ping(pongMilliseconds);
    }),
    probe: input(() => now - line.pingAt < 1_000 || ping(probeMilliseconds)),
    follow: input(follow, false),
    subscribe: input((types, some) => follow([...eventTypes, ...types], keys.length ? [...keys, ...some] : []), false),
    stop: () => stop(),
    get wakeAt() {
      return Math.min(...Object.values(line.due));
    },
    get latency() {
      return latency;
    },
    get position() {
      return { cursor, seen: places.all };
    },
  };
};
