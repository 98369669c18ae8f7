import assert from 'node:assert/strict';
import test from 'node:test';
import { connect } from '../src/index.js';
import { FakeHost, again, live, price, settled } from './host.js';

test('a socket that died in sleep says "open": on waking it is asked, and changed if it does not answer', async () => {
  for (const name of ['visibilitychange', 'pageshow', 'online', 'resume']) {
    const { host, client, shown } = await live();
    await host.pass(20_000);
    host.sleep(3_600_000);
    host.wake(name);
    assert.equal(host.socket.readyState, 1);
    assert.deepEqual(host.socket.sent.at(-1), { type: 'ping', n: 1 }, name);
    await host.pass(2_999);
    assert.equal(host.sockets.length, 1);
    await host.pass(1);
    assert.deepEqual(client.status.reason, { code: 'no_pong' });
    await again(host, price(1));
    assert.deepEqual(shown, [1]);
    assert.equal(host.sockets.length, 2, 'a connection that had lived is had again at once');
    client.close();
  }
});

test('several signs of waking are one ping, and its answer is the latency', async () => {
  const { host, client } = await live();
  await host.pass(5_000);
  for (const name of ['visibilitychange', 'pageshow', 'online']) host.wake(name);
  host.sleep(40);
  host.socket.receive({ type: 'pong', n: 1, cursor: 'c9' });
  assert.equal(client.status.latency, 40);
  await host.pass(60_000);
  assert.equal(host.sockets.length, 1);
  assert.equal(host.socket.count('ping'), 1);
  assert.equal(client.position.cursor, 'c9');
  client.close();
});

test('a page that is hidden keeps its connection and is asked nothing', async () => {
  const { host, client, shown } = await live();
  await host.pass(5_000);
  host.document.visibilityState = 'hidden';
  host.wake('visibilitychange');
  host.socket.receive(price(1));
  assert.equal(host.socket.count('ping'), 0);
  assert.deepEqual(shown, [1]);
  client.close();
});

test('a pause that is waited for ends on waking, but not more than once a second', async () => {
  const { host, client } = await live({ random: () => 0.999 });
  for (let loss = 0; loss < 6; loss += 1) {
    host.socket.drop();
    await host.pass(40_000);
  }
  host.socket.drop();
  const count = host.sockets.length;
  await host.pass(1_000);
  host.wake('online');
  await host.pass(0);
  assert.equal(host.sockets.length, count + 1);
  for (let turn = 0; turn < 10; turn += 1) {
    host.socket.drop();
    host.wake('visibilitychange');
    await host.pass(0);
  }
  assert.equal(host.sockets.length, count + 1);
  await host.pass(1_000);
  assert.equal(host.sockets.length, count + 2);
  client.close();
});

test('a socket that ends just after waking is had again at once, whatever the pause would be, but once', async () => {
  const { host, client } = await live({ random: () => 0.999 });
  for (let loss = 0; loss < 6; loss += 1) {
    host.socket.drop();
    await host.pass(40_000);
  }
  await again(host);
  await host.pass(5_000);
  const count = host.sockets.length;
  host.wake('resume');
  host.socket.drop();
  await host.pass(0);
  assert.equal(host.sockets.length, count + 1);
  host.socket.drop();
  assert.ok(client.status.retryInMilliseconds > 5_000);
  client.close();
});

test('signs of waking open no second connection beside one that is had or being had', async () => {
  const { host, client, shown } = await live({ random: () => 0.5 });
  const wakeOften = () => ['visibilitychange', 'pageshow', 'online', 'resume'].forEach((name) => host.wake(name));
  await host.pass(5_000);
  host.socket.drop();
  wakeOften();
  await host.pass(1_000);
  wakeOften();
  await host.pass(1_000);
  assert.deepEqual(host.sockets.map(({ readyState }) => readyState), [3, 0], 'one handshake is under way');
  await again(host, price(1));
  wakeOften();
  host.socket.receive({ type: 'pong', n: 1 });
  await host.pass(60_000);
  assert.equal(host.sockets.length, 2);
  host.sockets[0].receive(price(2));
  assert.deepEqual(shown, [1], 'the first socket is not heard any more');
  client.close();
});

test('where timers stand still, what arrives looks at what is due', async () => {
  const { host, client } = await live();
  host.sleep(240_001);
  host.socket.receive(price(1));
  assert.equal(host.socket.count('ping'), 1);
  host.sleep(10_000);
  host.socket.receive(price(2));
  assert.deepEqual(client.status.reason, { code: 'no_pong' });
  assert.deepEqual(client.position.seen, { 'all/price': 2 }, 'what arrived is shown before the connection is left');
  client.close();
});

test('a pong that was late only because nothing ran is a pong', async () => {
  const { host, client } = await live();
  await host.pass(240_000);
  assert.equal(host.socket.count('ping'), 1);
  host.sleep(60_000);
  host.socket.receive({ type: 'pong', n: 1 });
  await host.pass(1_000);
  assert.equal(client.status.state, 'live');
  client.close();
});

test('a server that takes the connection and never answers the handshake', async () => {
  const host = new FakeHost();
  const client = connect('/dev', { host, random: () => 0.5 });
  await host.pass(14_999);
  assert.equal(host.sockets.length, 1);
  await host.pass(1);
  assert.deepEqual(client.status.reason, { code: 'timeout' });
  assert.equal(host.socket.readyState, 3);
  const [late] = host.sockets;
  late.open();
  assert.deepEqual(late.sent, [], 'an attempt that was given up is not heard any more');
  await host.pass(250);
  assert.equal(host.sockets.length, 2);
  client.close();
});

test('a server that opens and says nothing gets six hellos in a minute, and is left', async () => {
  const host = new FakeHost();
  const client = connect('/dev', { host, random: () => 0.5 });
  await host.pass(0);
  host.socket.open();
  await host.pass(60_000);
  assert.equal(host.socket.count('hello'), 6);
  assert.deepEqual(client.status.reason, { code: 'no_ready' });
  assert.equal(client.status.state, 'waiting');
  client.close();
});

test('a server that closes at once for ever is tried more and more seldom, also if it was open first', async () => {
  for (const opens of [false, true]) {
    const host = new FakeHost();
    const client = connect('/dev', { host, random: () => 0.999 });
    const drop = () => {
      if (opens) host.socket.open();
      if (opens) host.socket.answer();
      host.socket.drop(opens ? 1000 : 1006);
    };
    const pauses = [];
    client.on('status', ({ state, retryInMilliseconds }) => state === 'waiting' && pauses.push(retryInMilliseconds));
    for (let seen = 0; host.now < 3_600_000;) {
      await host.pass(500);
      for (; seen < host.sockets.length; seen += 1) drop();
    }
    assert.deepEqual(pauses.slice(0, 8), [499, 999, 1998, 3996, 7992, 15984, 29970, 29970]);
    assert.ok(host.sockets.length < 140, `${host.sockets.length} attempts in an hour`);
    assert.deepEqual(client.status.reason.code, opens ? 'lost' : 'unreachable');
    client.close();
  }
});

test('the draw is even over the whole bound, so that clients do not come back together', async () => {
  const pauses = [];
  for (let count = 0; count < 400; count += 1) {
    const host = new FakeHost();
    const client = connect('/dev', { host });
    await host.pass(0);
    host.socket.drop();
    pauses.push(client.status.retryInMilliseconds);
    client.close();
  }
  const quarters = [0, 1, 2, 3].map((quarter) => pauses.filter((pause) => Math.floor(pause / 125) === quarter).length);
  assert.equal(quarters.reduce((sum, count) => sum + count), 400);
  // 100 each is expected; 40 is more than six deviations away.
  for (const count of quarters) assert.ok(count > 40, `${quarters}`);
});

test('expired ends the client; its position begins another', async () => {
  const { host, client, shown, told } = await live();
  host.socket.receive(price(1), { type: 'error', code: 'expired' });
  assert.equal(client.status.state, 'closed');
  assert.deepEqual(client.status.reason, { code: 'expired' });
  assert.equal(told.notice.at(-1).code, 'expired');
  await host.pass(600_000);
  assert.equal(host.sockets.length, 1);
  assert.equal(host.timers.size, 0);
  const next = new FakeHost();
  const second = connect('/dev', { host: next, position: client.position });
  second.subscribe('price', (event) => shown.push(event.seq));
  await next.pass(0);
  next.socket.open();
  assert.deepEqual(next.socket.sent[0].seen, { 'all/price': 1 });
  next.socket.answer(price(1), price(2));
  assert.deepEqual(shown, [1, 2]);
  second.close();
});

test('a wall clock that is an hour off, or jumps, changes nothing', async () => {
  const now = Date.now;
  let wall = 0;
  Date.now = () => (wall = wall ? 0 : 3_600_000 * 1_000);
  try {
    const { host, client } = await live();
    await host.pass(60_000);
    assert.equal(host.sockets.length, 1);
    assert.equal(host.socket.sent.length, 1);
    client.close();
  } finally {
    Date.now = now;
  }
});

test('a storage that is forbidden is not touched', async () => {
  class Forbidding extends FakeHost {
    get localStorage() {
      throw new Error('forbidden');
    }
    get sessionStorage() {
      throw new Error('forbidden');
    }
  }
  const host = new Forbidding();
  const client = connect('/dev', { host });
  await host.pass(0);
  host.socket.open();
  host.socket.answer();
  assert.equal(client.status.state, 'live');
  client.close();
});

test('frames that make no sense are told and passed over', async () => {
  const { host, client, shown, told } = await live();
  host.socket.receive('<!doctype html><title>502</title>', '', 'null', '[]', '{"type":', '"\u0000', '{}', '{"type":7}');
  host.socket.onmessage({ data: new Blob(['{}']) });
  host.socket.onmessage({ data: new ArrayBuffer(4) });
  host.socket.receive({ type: 'toString', a: 1 }, { type: 'constructor' }, price(1));
  assert.deepEqual(told.diagnostic.map(({ code }) => code), [
    'not_json', 'not_json', 'wrong_shape', 'wrong_shape', 'not_json', 'not_json', 'wrong_shape', 'wrong_shape',
    'not_json', 'not_json']);
  assert.ok(told.diagnostic.every(({ message }) => message));
  assert.deepEqual(shown, [1]);
  assert.equal(client.status.state, 'live');
  client.close();
});

test('a frame of 128 KB is taken, and one that is nothing but brackets does no harm', async () => {
  const { host, client, told } = await live({}, null);
  const got = [];
  client.subscribe({}, (event) => got.push(event));
  host.socket.receive({ ...price(1), data: 'x'.repeat(128 * 1024) });
  host.socket.receive('['.repeat(64 * 1024) + ']'.repeat(64 * 1024));
  host.socket.receive(`{"type":"a","data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`);
  assert.equal(got[0].data.length, 128 * 1024);
  assert.equal(got.length, 2);
  assert.deepEqual(told.diagnostic.map(({ code }) => code), ['wrong_shape']);
  client.close();
});

test('members named __proto__ are members: no object gets them by way of its prototype', async () => {
  const { host, client, told } = await live({}, null);
  const got = [];
  client.subscribe({}, (event) => got.push(event));
  const constructorEvent = '{"type":"b","stream":"constructor","seq":2}';
  const hostile = '"__proto__":{"polluted":1,"type":"ready","replay":1},"constructor":{"prototype":{"polluted":1}}';
  host.socket.receive(
    `{"type":"a",${hostile},"data":{${hostile}}}`,
    `{"type":"__proto__","stream":"__proto__","seq":1,${hostile}}`,
    JSON.stringify({ type: 'part', id: '__proto__', index: 0, count: 1, data: constructorEvent }),
    `{"type":"batch","events":[{"type":"c",${hostile}}],${hostile}}`,
    `{"type":"error","code":"__proto__",${hostile}}`,
    `{${hostile}}`);
  assert.deepEqual(got.map(({ type }) => type), ['a', '__proto__', 'b', 'c']);
  assert.equal({}.polluted, undefined);
  assert.equal(Object.getPrototypeOf(got[0]), Object.prototype);
  assert.deepEqual(told.diagnostic.map(({ code }) => code), ['wrong_shape']);
  host.socket.drop();
  await host.pass(250);
  host.socket.open();
  assert.deepEqual(Object.entries(host.socket.sent[0].seen), [['__proto__', 1], ['constructor', 2]]);
  client.on('__proto__', () => {});
  client.close();
});

test('data with HTML in it arrives as it is', async () => {
  const { host, client } = await live({}, null);
  const got = [];
  client.subscribe({}, (event) => got.push(event));
  const event = { type: '<img onerror=a>', key: '</script>', data: { '<b>': '<svg/onload=a>&amp;' } };
  host.socket.receive(event);
  await settled();
  assert.deepEqual(got, [event]);
  client.close();
});
