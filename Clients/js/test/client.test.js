import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { connect } from '../src/index.js';
import { FakeHost, again, live, price, settled } from './host.js';

test('hello is the first frame, with everything that was subscribed to in the same turn', async () => {
  const host = new FakeHost();
  const client = connect('/dev?userId=u', { host, protocols: ['bearer', 'abc'] });
  client.subscribe({ types: ['price'], keys: ['AAPL'] }, () => {});
  client.subscribe({ types: ['signal'], keys: ['M*'] }, () => {});
  await host.pass(0);
  assert.equal(host.socket.url, 'wss://example.org/dev?userId=u&hello=1');
  assert.deepEqual(host.socket.protocols, ['bearer', 'abc']);
  host.socket.open();
  assert.deepEqual(host.socket.sent, [
    { type: 'hello', n: 1, eventTypes: ['price', 'signal'], keys: ['AAPL', 'M*'], accept: ['batch', 'gzip', 'parts'] },
  ]);
  client.close();
});

test('an address and subprotocols that a function gives are asked for again for each connection', async () => {
  const host = new FakeHost();
  let count = 0;
  const client = connect(async () => `wss://example.org/?token=${++count}`, { host, protocols: () => [`p${count}`] });
  await host.pass(0);
  host.socket.drop();
  await host.pass(500);
  assert.deepEqual(host.sockets.map(({ url }) => url), ['wss://example.org/?token=1&hello=1', 'wss://example.org/?token=2&hello=1']);
  assert.deepEqual(host.sockets.map(({ protocols }) => protocols), [['p1'], ['p2']]);
  client.close();
});

test('an address that cannot be had is tried again, and the reason is told', async () => {
  const host = new FakeHost();
  let count = 0;
  const fault = new Error('no token');
  const client = connect(() => (++count < 3 ? Promise.reject(fault) : 'wss://example.org/'), { host });
  await host.pass(0);
  assert.equal(client.status.state, 'waiting');
  assert.deepEqual(client.status.reason, { code: 'unreachable', error: fault });
  await host.pass(1_500);
  assert.equal(host.sockets.length, 1);
  client.close();
});

test('what makes no sense is refused at once, by name', () => {
  assert.throws(() => connect('wss://', { host: new FakeHost() }), /Invalid URL/);
  assert.throws(() => connect('/dev', { host: { performance } }), /options\.WebSocket/);
});

test('each handler gets what its filter names, and nothing once it is undone', async () => {
  const { host, client } = await live({}, null);
  const got = { all: [], keyed: [], prefix: [], match: [] };
  client.subscribe({}, (event) => got.all.push(event.seq));
  const undo = client.subscribe({ types: ['price'], keys: ['AAPL'] }, (event) => got.keyed.push(event.seq));
  client.subscribe({ types: ['price'], keys: ['M*'] }, (event) => got.prefix.push(event.seq));
  const match = ({ type }) => type.startsWith('order:');
  client.subscribe({ types: 'trading', match }, (event) => got.match.push(event.seq));
  await host.pass(200);
  host.socket.answer();
  host.socket.receive(price(1), price(2, 'MSFT'), { type: 'order:fill', stream: 'user/u', seq: 1 });
  undo();
  host.socket.receive(price(3), { type: 'price', seq: 9 });
  assert.deepEqual(got, { all: [1, 2, 1, 3, 9], keyed: [1], prefix: [2], match: [1] });
  client.close();
});

test('a handler that is added or undone by another one', async () => {
  const { host, client } = await live({}, null);
  const got = [];
  let undo;
  client.subscribe('price', ({ seq }) => {
    undo();
    if (seq === 1) client.subscribe('price', (event) => got.push(event.seq));
  });
  undo = client.subscribe('price', () => got.push('undone'));
  await host.pass(200);
  host.socket.answer();
  host.socket.receive({ type: 'batch', events: [price(1), price(2), price(3)] });
  assert.deepEqual(got, [2, 3]);
  client.close();
});

test('changes within 100 ms are one hello; what nobody wants any more is unsubscribed', async () => {
  const { host, client } = await live();
  await host.pass(200);
  const undos = ['a', 'b', 'c'].map((type) => client.subscribe(type, () => {}));
  await host.pass(0);
  host.socket.answer();
  undos.forEach((undo) => undo());
  client.subscribe('d', () => {});
  await host.pass(99);
  assert.equal(host.socket.sent.length, 2);
  await host.pass(1);
  const { accept, ...hello } = host.socket.sent[3];
  assert.deepEqual(host.socket.sent[2], { type: 'unsubscribe', eventTypes: ['a', 'b', 'c'] });
  assert.deepEqual(hello, { type: 'hello', n: 3, cursor: 'c2', eventTypes: ['price', 'd'] });
  client.close();
});

test('one subscription without keys is every key', async () => {
  const { host, client } = await live({}, { types: ['price'], keys: ['AAPL'] });
  assert.deepEqual(host.socket.sent[0].keys, ['AAPL']);
  client.subscribe('signal', () => {});
  await host.pass(200);
  assert.deepEqual(host.socket.sent[1].eventTypes, ['price', 'signal']);
  assert.equal(host.socket.sent[1].keys, undefined);
  client.close();
});

test('a handler that throws, or whose promise breaks, is reported, and the others get the event', async () => {
  const { host, client, shown } = await live({}, null);
  client.subscribe('price', () => { throw new Error('one'); });
  client.subscribe('price', async () => { throw new Error('two'); });
  client.subscribe({ match: () => { throw new Error('four'); } }, () => {});
  client.subscribe('price', (event) => shown.push(event.seq));
  client.on('status', () => { throw new Error('three'); });
  await host.pass(200);
  host.socket.answer();
  host.socket.receive(price(1), price(2));
  host.socket.drop();
  await settled();
  assert.deepEqual(shown, [1, 2]);
  assert.deepEqual(host.reported.map(({ message }) => message).sort(), [
    'four', 'four', 'one', 'one', 'three', 'two', 'two']);
  client.close();
});

test('after a loss it comes back where it was, each event once and in order', async () => {
  const { host, client, shown, told } = await live();
  host.socket.receive({ type: 'batch', events: [price(1), price(2)] }, price(2));
  host.socket.drop(1001, 'going away');
  assert.equal(client.status.state, 'waiting');
  assert.deepEqual(client.status.reason, { code: 'lost', closeCode: 1001, closeReason: 'going away' });
  await host.pass(250);
  host.socket.open();
  assert.deepEqual(host.socket.sent[0].seen, { 'all/price': 2 });
  assert.equal(host.socket.sent[0].cursor, 'c1');
  host.socket.receive(price(5), price(3, 'AAPL', { replay: 2 }));
  host.socket.answer(price(4));
  host.socket.receive(price(4), price(6));
  assert.deepEqual(shown, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(told.gap, []);
  assert.equal(client.status.reconnects, 1);
  assert.deepEqual(told.status.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1]),
    ['connecting', 'live', 'waiting', 'connecting', 'live']);
  client.close();
});

test('gaps, folded counts and states are told', async () => {
  const { host, client, shown, told } = await live({ position: { cursor: 'c0', seen: { 'all/price': 3 } } });
  assert.deepEqual(host.socket.sent[0].seen, { 'all/price': 3 });
  host.socket.drop();
  await host.pass(250);
  const rows = [];
  client.subscribe('price', (event, row) => rows.push([event.seq, row?.first]));
  client.subscribe({ types: ['price'], state: false }, (event, row) => rows.push(['news', event.seq, row]));
  host.socket.open();
  const streams = [{ stream: 'all/price', missed: 7, reason: 'trimmed' }];
  host.socket.answer(
    { type: 'resume', to: 'c1', recovered: 'part', missed: 7, reason: 'trimmed', streams },
    { type: 'snapshot', stream: 'all/price', seq: 10, events: [price(9), price(10, 'MSFT')] });
  host.socket.receive(price(13, 'AAPL', { folded: 2 }));
  assert.deepEqual(told.gap, [{ missed: 7, reason: 'trimmed', streams }]);
  const [{ seq, events, first, last }] = told.snapshot;
  assert.deepEqual([seq, events.length, first, last], [10, 2, true, true]);
  assert.deepEqual(told.folded.map(({ folded, event }) => [folded, event.seq]), [[2, 13]]);
  assert.deepEqual(shown, [9, 10, 13]);
  assert.deepEqual(rows, [[9, true], [10, true], [13, undefined], ['news', 13, undefined]]);
  client.close();
});

test('the position names what was shown and nothing more, also in the middle of a batch', async () => {
  const { host, client } = await live({}, null);
  let position;
  client.subscribe('price', (event) => {
    if (event.seq !== 2) return;
    client.close();
    position = client.position;
  });
  host.socket.receive({ type: 'batch', events: [price(1), price(2), price(3)] });
  assert.deepEqual(position, { cursor: 'c1', seen: { 'all/price': 2 } });
  assert.deepEqual(client.position, position);
});

test('the position is right in the middle of what waited for ready, too', async () => {
  const host = new FakeHost();
  const client = connect('/dev', { host });
  client.subscribe('price', (event) => event.seq === 2 && client.close());
  await host.pass(0);
  host.socket.open();
  host.socket.receive(price(1), price(2), price(3));
  host.socket.answer();
  assert.deepEqual(client.position, { cursor: undefined, seen: { 'all/price': 2 } });
});

test('a hello fits a frame of 32 KB, however long the names of the streams', async () => {
  for (const letter of ['a', '\u0001', '"', '\u00e9', '\ud83d\ude00']) {
    const names = Array.from({ length: 64 }, (_, index) => `user/${index}${letter.repeat(400 / letter.length)}`);
    const host = new FakeHost();
    const position = { cursor: 'c'.repeat(1_000), seen: Object.fromEntries(names.map((name) => [name, 2 ** 40])) };
    const client = connect('/dev', { host, position });
    const keys = Array.from({ length: 100 }, (_, index) => `${index}${'k'.repeat(100)}`);
    client.subscribe({ types: 'price', keys }, () => {});
    await host.pass(0);
    host.socket.open();
    const [hello] = host.socket.sent;
    const bytes = Buffer.byteLength(JSON.stringify(hello));
    const longest = Math.max(...names.map((name) => Buffer.byteLength(JSON.stringify([name, 2 ** 40]))));
    assert.ok(bytes <= 32 * 1024, `${bytes} bytes`);
    const count = Object.keys(hello.seen).length;
    assert.ok(count === 64 || bytes > 32 * 1024 - longest - 20, `${count} streams in ${bytes} bytes`);
    client.close();
  }
});

test('a saved position that is damaged does no harm', async () => {
  const position = { cursor: { a: 1 }, seen: { 'all/price': '7', 'all/signal': -1, 'user/u': 2.5, 'group/g': 3 } };
  const { host, client } = await live({ position });
  const { cursor, seen } = host.socket.sent[0];
  assert.deepEqual([cursor, seen], [undefined, { 'group/g': 3 }]);
  client.close();
});

test('the status is one object until it changes, and cannot be changed from outside', async () => {
  const { host, client, told } = await live();
  const { status } = client;
  host.socket.receive(price(1), price(2));
  await host.pass(1_000);
  assert.equal(client.status, status);
  assert.equal(told.status.at(-1), status);
  assert.ok(Object.isFrozen(status));
  client.close();
});

test('established is kept when it is live, or broken with the reason', async () => {
  const { client } = await live();
  await client.established;
  client.close();
  await client.established;
  const never = connect('/dev', { host: new FakeHost() });
  never.close();
  await assert.rejects(never.established, (reason) => reason.code === 'closed');
});

test('send says whether it went out', async () => {
  const { host, client } = await live();
  assert.equal(client.send({ type: 'status' }), true);
  assert.deepEqual(host.socket.sent.at(-1), { type: 'status' });
  host.socket.drop();
  assert.equal(client.send({ type: 'status' }), false);
  await host.pass(250);
  assert.equal(client.send({ type: 'status' }), false, 'a handshake is under way');
  client.close();
  assert.equal(client.send({ type: 'status' }), false);
});

test('after close nothing is left: no socket, no timer, no listener, and nothing is called', async () => {
  const abort = new AbortController();
  const { host, client, shown, told } = await live({ signal: abort.signal });
  const undo = client.subscribe('price', () => {}, { signal: abort.signal });
  const socket = host.socket;
  const statuses = told.status.length;
  client.close();
  assert.equal(host.timers.size, 0);
  assert.equal(socket.readyState, 3);
  for (const name of ['visibilitychange', 'resume']) assert.equal(getEventListeners(host.document, name).length, 0);
  for (const name of ['pageshow', 'online']) assert.equal(getEventListeners(host, name).length, 0);
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
  socket.receive(price(1));
  socket.drop();
  undo();
  client.close();
  host.wake('online');
  client.probe();
  client.subscribe('price', (event) => shown.push(event));
  await host.pass(100_000);
  assert.deepEqual(shown, []);
  assert.equal(host.sockets.length, 1);
  assert.equal(host.timers.size, 0);
  const last = told.status.slice(statuses).map(({ state, reason }) => [state, reason.code]);
  assert.deepEqual(last, [['closed', 'closed']]);
});

test('close within a handler leaves nothing, whatever the frame', async () => {
  const frames = [
    { type: 'rotate' }, { type: 'error', code: 'limit' }, { type: 'error', code: 'expired' }, { type: 'status' },
    price(1), { type: 'batch', events: [price(1), price(2)] }, '<',
    { type: 'part', id: 'p', index: 1, count: 2, data: '' },
  ];
  for (const frame of frames) {
    const { host, client } = await live();
    client.on('notice', () => client.close());
    client.on('diagnostic', () => client.close());
    client.subscribe('price', () => client.close());
    host.socket.receive(frame);
    assert.equal(client.status.state, 'closed', JSON.stringify(frame));
    await host.pass(60_000);
    assert.equal(host.timers.size, 0, JSON.stringify(frame));
    assert.equal(host.sockets.length, 1);
    assert.equal(host.socket.count('hello'), 1);
  }
});

test('close while the address is asked for, the handshake is under way, or a pause is waited for', async () => {
  for (const stage of [0, 1, 2]) {
    const host = new FakeHost();
    let give;
    const client = connect(() => new Promise((resolve) => (give = resolve)), { host });
    await host.pass(0);
    assert.ok(give, 'it was asked for');
    if (stage) give('wss://example.org/');
    await settled();
    assert.equal(host.sockets.length, stage ? 1 : 0);
    if (stage === 2) host.socket.drop();
    client.close();
    give('wss://example.org/');
    await host.pass(60_000);
    assert.equal(host.sockets.length, stage ? 1 : 0);
    assert.equal(host.timers.size, 0);
    assert.ok(!stage || host.socket.readyState === 3);
  }
});

test('a signal closes the client, or one subscription', async () => {
  const all = new AbortController();
  const one = new AbortController();
  const { host, client, shown } = await live({ signal: all.signal });
  const some = [];
  client.subscribe('price', (event) => some.push(event.seq), { signal: one.signal });
  client.subscribe('price', (event) => some.push(event.seq), { signal: AbortSignal.abort() });
  host.socket.receive(price(1));
  const undo = client.subscribe('price', () => {}, { signal: one.signal });
  undo();
  assert.equal(getEventListeners(one.signal, 'abort').length, 1);
  one.abort();
  assert.equal(getEventListeners(one.signal, 'abort').length, 0);
  host.socket.receive(price(2));
  all.abort();
  host.socket.receive(price(3));
  assert.deepEqual([shown, some], [[1, 2], [1]]);
  assert.deepEqual(client.status.reason, { code: 'aborted' });
  assert.equal(connect('/dev', { host, signal: AbortSignal.abort() }).status.state, 'closed');
});

test('for await gives each event, ends with the client, and undoes itself when it is left', async () => {
  const { host, client } = await live({}, null);
  const first = client.events('price');
  const second = client.events({ types: ['price'], keys: ['MSFT'] });
  await host.pass(200);
  host.socket.answer();
  host.socket.receive(price(1), price(2, 'MSFT'), price(3));
  const seqs = [];
  for await (const { seq } of first) if (seqs.push(seq) === 2) break;
  assert.deepEqual(seqs, [1, 2]);
  assert.deepEqual(await first.next(), { value: undefined, done: true });
  const third = client.events('signal');
  await host.pass(100);
  host.socket.answer();
  host.socket.receive({ type: 'signal', seq: 1 });
  for await (const { type } of third) if (type) break;
  await host.pass(100);
  assert.deepEqual(host.socket.sent.at(-1), { type: 'unsubscribe', eventTypes: ['signal'] });
  const waiting = (async () => {
    const rest = [];
    for await (const { seq } of second) rest.push(seq);
    return rest;
  })();
  await settled();
  host.socket.receive(price(4), price(5, 'MSFT'));
  await settled();
  client.close();
  assert.deepEqual(await waiting, [2, 5]);
  const late = client.events('price');
  assert.equal((await late.next()).done, true);
});

test('a loop that is too slow loses the oldest, and is told how many', async () => {
  const { host, client, told } = await live({}, null);
  const events = client.events('price', { buffer: 2 });
  await host.pass(200);
  host.socket.answer();
  host.socket.receive(price(1), price(2), price(3), price(4), price(5));
  assert.equal((await events.next()).value.seq, 4);
  assert.deepEqual(told.gap, [{ missed: 3, reason: 'buffer', streams: [] }]);
  client.close();
});

test('compressed frames keep their order, though they take a while', async () => {
  const { host, client, shown } = await live();
  const compressed = (frame) => ({ type: 'gzip', data: gzipSync(JSON.stringify(frame)).toString('base64') });
  host.socket.receive(compressed(price(1)), price(2), compressed(price(3)), compressed(price(4)), price(5));
  assert.deepEqual(shown, []);
  while (shown.length < 5) await settled();
  assert.deepEqual(shown, [1, 2, 3, 4, 5]);
  host.socket.receive(compressed(price(6)), price(7));
  host.socket.drop();
  await again(host);
  for (let turn = 0; turn < 20; turn += 1) await settled();
  assert.deepEqual(shown, [1, 2, 3, 4, 5], 'what the connection did not show any more comes by the next hello');
  assert.deepEqual(client.position.seen, { 'all/price': 5 });
  client.close();
});

test('gzip is asked for only where it can be read', async () => {
  const host = new FakeHost();
  const found = globalThis.DecompressionStream;
  globalThis.DecompressionStream = undefined;
  try {
    const client = connect('/dev', { host });
    await host.pass(0);
    host.socket.open();
    assert.deepEqual(host.socket.sent[0].accept, ['batch', 'parts']);
    client.close();
  } finally {
    globalThis.DecompressionStream = found;
  }
});
