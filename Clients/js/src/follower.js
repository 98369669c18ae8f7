import { Fault, createParts, get, need, requireObject } from './frames.js';

const never = Infinity;
const frameBytes = 32 * 1024;
const bytes = (value) => new TextEncoder().encode(JSON.stringify(value)).length;
const names = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/**
 * A client's half of the protocol, without socket and clock: `Docs/client.md` has the rules, `index.d.ts` the calls.
 * @type {typeof import('./index').createFollower}
 */
export const createFollower = (options, emit) => {
  const {
    hello: saysHello = true, accept = ['batch', 'gzip', 'parts'], random = Math.random,
    readyMilliseconds = 10_000, helloAttempts = 6, pingMilliseconds = 240_000, pongMilliseconds = 10_000,
    probeMilliseconds = 3_000, livedMilliseconds = 10_000, basePauseMilliseconds = 500,
    maximumPauseMilliseconds = 30_000, rotateMilliseconds = 30_000,
    heldEvents = 10_000, joinedBytes = 8 << 20, streams: maximumStreams = 256,
  } = options;
  let { eventTypes = [], keys = [], cursor } = options;
  const seen = new Map(Object.entries(options.seen ?? {}));
  let phase = 'offline';
  let now = 0;
  let hellos = 0;
  let pings = 0;
  let attempts = 0;
  let latency;
  let line;

  // What ends with the connection.
  const newLine = () => ({
    connectedAt: now, retries: 0, helloAt: 0, pingAt: -never, hellosAtPing: 0,
    helloAgain: never, pingDue: never, pongDue: never, rotation: never,
    resumedTo: undefined, snapshots: new Map(), held: [], heldSize: 0, join: createParts(joinedBytes),
    wasReady: false, hasAskedForLost: false, isLossy: false, isOverLimit: false, hasToldOfStreams: false,
  });
  const isConnected = () => phase === 'asking' || phase === 'live';
  const draw = (bound) => Math.floor(random() * bound);
  const notice = (frame) => emit({ notice: frame });
  const tell = (diagnostic, message) => emit({ diagnostic, message });

  // A fault is told, and what it is in is passed over.
  const guard = (work) => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      tell(error.code, error.message);
    }
  };

  // What is sent

  const sendSubscription = (type, types, keys) => emit({ send: { type, eventTypes: types, ...(keys.length && { keys }) } });

  // Everything that is followed, and where this client is: whatever came of earlier hellos, this one is enough.
  const sayHello = () => {
    phase = 'asking';
    Object.assign(line, { snapshots: new Map(), resumedTo: undefined, isLossy: false, helloAt: now });
    line.helloAgain = now + readyMilliseconds;
    const hello = {
      type: 'hello', n: ++hellos, ...(cursor && { cursor }), eventTypes, ...(keys.length && { keys }), accept,
    };
    // For what a frame does not hold the cursor speaks: some events come again, and are dropped.
    let room = frameBytes - bytes(hello) - 10;
    const told = [...seen].sort(([one], [other]) => names(one, other)).filter((entry) => (room -= bytes(entry)) >= 0);
    emit({ send: { ...hello, ...(told.length && { seen: Object.fromEntries(told) }) } });
  };

  const sayHelloAgain = () => {
    if (!isConnected()) return;
    if (++line.retries < helloAttempts) sayHello();
    else abandon('no_ready');
  };

  const ping = (patience) => {
    Object.assign(line, { pingAt: now, pingDue: now + pingMilliseconds, hellosAtPing: hellos });
    line.pongDue = Math.min(line.pongDue, now + patience);
    emit({ send: { type: 'ping', n: ++pings } });
  };

  // How a connection ends

  const hasLived = () => isConnected() && line.wasReady && now - line.connectedAt >= livedMilliseconds;

  const abandon = (reason) => {
    const isAtOnce = hasLived() || reason === 'rotate';
    emit({ close: reason });
    comeBack(isAtOnce);
  };

  // At once, or after an even draw below a bound that doubles, so that many clients do not come back together.
  const comeBack = (isAtOnce) => {
    let bound = maximumPauseMilliseconds;
    if (!line?.isOverLimit && isAtOnce) bound = attempts = 0;
    else if (!line?.isOverLimit) bound = Math.min(basePauseMilliseconds * 2 ** Math.min(attempts++, 20), bound);
    phase = 'offline';
    line = undefined;
    emit({ reconnect: bound && draw(bound) });
  };

  const stop = (reason) => {
    phase = 'stopped';
    emit({ stop: reason });
  };

  // Frames

  const read = (frame, wrapping) => {
    if (frame.length > joinedBytes) return tell('too_large', `a frame of ${frame.length}`);
    let value;
    try {
      value = JSON.parse(frame);
    } catch (error) {
      tell('not_json', `${error}`);
      return wrapping && askAgain();
    }
    guard(() => {
      const type = get(requireObject(value), 'type', 'string');
      if (type) return (takers[type] ?? takeEvent)(value, wrapping);
      // API Gateway's own answer to a frame that no function took has no type.
      if (type === '' || (value.message ?? value.connectionId) == null) need(value, 'type', 'string', 1);
      notice(value);
    });
  };

  // What a frame held that cannot be read is asked for once: it would come again and again. Then it is told as a gap.
  const askAgain = () => {
    if (!saysHello) return;
    if (phase === 'asking' && line.hasAskedForLost) line.isLossy = true;
    else {
      line.hasAskedForLost = true;
      sayHelloAgain();
    }
  };

  const cursorIn = (frame, name) => (get(frame, name, 'string') === undefined ? undefined : need(frame, name, 'string', 1024));

  // Whether it answers the hello that waits. If so, that one is given time.
  const isAwaited = (replay) => {
    if (replay > hellos) throw new Fault('unknown_replay', `hello ${replay} was never said`);
    if (replay < hellos || phase !== 'asking') return false;
    line.helloAgain = now + readyMilliseconds;
    return true;
  };

  // Without a hello answers bear no tag.
  const isCurrent = (frame) => (saysHello ? isAwaited(need(frame, 'replay', 'whole number')) : frame.replay == null);

  const takers = {
    __proto__: null,
    hello: notice, subscribe: notice, subscribed: notice, unsubscribe: notice, unsubscribed: notice, status: notice,
    heartbeat: () => {},
    ping: () => emit({ send: { type: 'pong' } }),

    connection(frame) {
      const replay = get(frame, 'replay', 'whole number');
      if (replay !== undefined) {
        if (!isAwaited(replay)) return;
        latency = now - line.helloAt;
      }
      notice(frame);
    },

    resume(frame) {
      const parse = (gap) => ({ missed: get(gap, 'missed', 'whole number') ?? null, reason: get(gap, 'reason', 'string') ?? null });
      const recovered = need(frame, 'recovered', 'string');
      const { missed, reason } = parse(frame);
      const to = cursorIn(frame, 'to');
      const list = get(frame, 'streams', 'list');
      const streams = (list ?? []).map(requireObject).map((gap) => ({ stream: need(gap, 'stream', 'string'), ...parse(gap) }));
      if (!isCurrent(frame)) return;
      line.resumedTo = to;
      // A stream that was begun anew counts from 1 again.
      for (const gap of streams) if (gap.reason === 'epoch') seen.delete(gap.stream);
      if (!list && reason === 'epoch' && recovered === 'none') seen.clear();
      notice(frame);
      if (missed ?? (recovered !== 'all')) emit({ gap: { missed, reason, streams } });
    },

    snapshot(frame) {
      const stream = need(frame, 'stream', 'string', 512);
      const seq = need(frame, 'seq', 'whole number');
      const last = !get(frame, 'more', 'boolean');
      const elements = need(frame, 'events', 'list');
      if (!isCurrent(frame)) return;
      const told = line.snapshots.get(stream);
      if (told && (told.last ? seq <= told.seq || seq <= seen.get(stream) : seq < told.seq)) return;
      if (!told && line.snapshots.size >= maximumStreams) return tellOfStreams();
      line.snapshots.set(stream, { seq, last });
      const events = [];
      for (const element of elements) guard(() => events.push(eventIn(element)));
      // Also back: a stream that was begun anew counts from 1 again.
      if (last) setSeen(stream, seq);
      emit({ snapshot: { stream, seq, events, first: told?.seq !== seq, last } });
    },

    ready(frame) {
      const to = cursorIn(frame, 'cursor');
      if (!isCurrent(frame)) return;
      // An answer ends its snapshots before its `ready`: this one is of another answer to the same hello.
      if (!line.isLossy && [...line.snapshots.values()].some(({ last }) => !last)) return;
      if (line.isLossy) emit({ gap: { missed: null, reason: 'unknown', streams: [] } });
      const { held } = line;
      Object.assign(line, { held: [], heldSize: 0, isLossy: false, hasAskedForLost: false });
      held.sort((one, other) => names(one.stream, other.stream) || one.seq - other.seq);
      for (const event of held) if (isConnected()) show(event);
      if (!isConnected()) return;
      cursor = to ?? line.resumedTo ?? cursor;
      phase = 'live';
      Object.assign(line, { wasReady: true, retries: 0, helloAgain: never });
      line.pingDue = Math.min(line.pingDue, now + pingMilliseconds);
      notice(frame);
    },

    // A batch's cursor names one stream only and is no place.
    batch(frame) {
      const replay = get(frame, 'replay', 'whole number');
      for (const event of need(frame, 'events', 'list')) {
        guard(() => isConnected() && takeEvent(event, undefined, replay));
      }
    },

    gzip(frame, wrapping) {
      if (wrapping === 'gzip') throw new Fault('wrong_shape', 'gzip inside gzip');
      emit({ inflate: need(frame, 'data', 'string') });
    },

    part(frame, wrapping) {
      if (wrapping) throw new Fault('wrong_shape', 'a part inside another frame');
      const { joined, dropped } = line.join(frame);
      if (dropped) {
        tell('part_dropped', `a frame in parts was dropped: ${dropped}`);
        askAgain();
      }
      if (joined !== undefined && isConnected()) read(joined, 'part');
    },

    pong(frame) {
      const to = cursorIn(frame, 'cursor');
      if ((get(frame, 'n', 'whole number') ?? pings) !== pings) return;
      if (line.pongDue < never) latency = now - line.pingAt;
      line.pongDue = never;
      // It speaks of what was followed when the ping was sent; and what is held was delivered, but not shown.
      if (phase === 'live' && line.hellosAtPing === hellos) cursor = to ?? cursor;
    },

    // At a moment of this client's own, so that not all come at once.
    rotate(frame) {
      const within = get(frame, 'withinMilliseconds', 'whole number') ?? rotateMilliseconds;
      notice(frame);
      if (line.rotation === never) line.rotation = now + draw(Math.min(within, 3_600_000));
    },

    error(frame) {
      const code = get(frame, 'code', 'string');
      notice(frame);
      if (code === 'limit') line.isOverLimit = true;
      if (code !== 'expired') return;
      emit({ close: code });
      stop({ reason: code });
    },
  };

  // Events

  const eventIn = (value) => {
    if (need(requireObject(value), 'type', 'string', never - 1) in takers) throw new Fault('wrong_shape', 'no event bears this type');
    return value;
  };

  const takeEvent = (event, wrapping, batchReplay) => {
    const replay = get(eventIn(event), 'replay', 'whole number') ?? batchReplay;
    // A server without a log sends events without a place: there is nothing to tell a second one by.
    const hasPlace = event.stream != null && event.seq != null;
    if (hasPlace) {
      need(event, 'stream', 'string', 512);
      if (!need(event, 'seq', 'whole number')) throw new Fault('wrong_shape', "'seq' is to be from 1 on");
    }
    if (replay !== undefined && !isAwaited(replay)) return;
    if (!hasPlace) emit({ show: event });
    else if (replay === undefined && phase === 'asking') hold(event);
    else show(event);
  };

  // What is too much is not lost: the next hello asks for it.
  const hold = (event) => {
    line.heldSize += JSON.stringify(event).length;
    if (line.held.length < heldEvents && line.heldSize <= joinedBytes) return void line.held.push(event);
    Object.assign(line, { held: [], heldSize: 0 });
    tell('held_overflow', 'too many live events before ready');
    sayHelloAgain();
  };

  const show = (event) => {
    if (event.seq <= seen.get(event.stream)) return;
    setSeen(event.stream, event.seq);
    emit({ show: event });
  };

  const setSeen = (stream, seq) => (seen.has(stream) || seen.size < maximumStreams ? seen.set(stream, seq) : tellOfStreams());

  const tellOfStreams = () => {
    if (!line.hasToldOfStreams) tell('too_many_streams', `events of more than ${maximumStreams} streams`);
    line.hasToldOfStreams = true;
  };

  // Inputs

  const input = (work, needsConnection) => (moment, one, other) => {
    if (phase === 'stopped' || (needsConnection && !isConnected())) return;
    now = moment;
    work(one, other);
  };

  const follow = (types, more) => {
    const [oldTypes, oldKeys] = [eventTypes, keys];
    eventTypes = [...new Set(types)];
    keys = [...new Set(more)];
    if (!isConnected()) return;
    const gone = oldTypes.filter((type) => !types.includes(type));
    if (gone.length) sendSubscription('unsubscribe', gone, oldKeys);
    const isNew = (list, old) => list.some((word) => !old.includes(word));
    if (!isNew(types, oldTypes) && !(oldKeys.length && (!more.length || isNew(more, oldKeys)))) return;
    if (saysHello) sayHello();
    else sendSubscription('subscribe', eventTypes, keys);
  };

  return {
    opened: input(() => {
      line = newLine();
      if (saysHello) return sayHello();
      phase = 'live';
      Object.assign(line, { wasReady: true, pingDue: now + pingMilliseconds });
      if (eventTypes.length) sendSubscription('subscribe', eventTypes, keys);
    }),
    frame: input((frame) => read(frame), true),
    inflated: input((frame) => {
      if (frame !== undefined) return read(frame, 'gzip');
      tell('bad_gzip', `no base64 of gzip of at most ${joinedBytes} bytes`);
      askAgain();
    }, true),
    closed: input((status) => {
      if (status === undefined || status >= 500 || [408, 425, 429].includes(status)) comeBack(hasLived());
      else stop({ reason: 'refused', status });
    }),
    time: input(() => {
      if (line.rotation <= now) return abandon('rotate');
      if (line.pongDue <= now) return abandon('no_pong');
      if (line.helloAgain <= now) sayHelloAgain();
      if (isConnected() && line.pingDue <= now) ping(pongMilliseconds);
    }, true),
    probe: input(() => now - line.pingAt < 1_000 || ping(probeMilliseconds), true),
    follow: input(follow),
    subscribe: input((types, more) => follow([...eventTypes, ...types], keys.length ? [...keys, ...more] : [])),
    stop() {
      phase = 'stopped';
    },
    get wakeAt() {
      return isConnected() ? Math.min(line.helloAgain, line.pingDue, line.pongDue, line.rotation) : never;
    },
    get latency() {
      return latency;
    },
    get place() {
      return { cursor, seen: Object.fromEntries(seen) };
    },
  };
};
