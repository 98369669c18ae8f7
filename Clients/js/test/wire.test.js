// The client over real sockets.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import net from 'node:net';
import test from 'node:test';
import { connect } from '../src/index.js';
import { price } from './host.js';
import { WebSocket, WebSocketServer } from './ws.js';

const quick = { WebSocket, basePauseMilliseconds: 10, maximumPauseMilliseconds: 50 };

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `ws://127.0.0.1:${server.address().port}/dev`;
}

/** The first value of the event for which `wanted` is true. */
const told = (client, name, wanted) => new Promise((resolve) => {
  const undo = client.on(name, (value) => {
    if (!wanted(value)) return;
    undo();
    resolve(value);
  });
});

/** A server of the protocol that keeps one stream, and breaks off when it is told to. */
class Server {
  log = [];
  sockets = new Set();
  http = createServer();
  ws = new WebSocketServer({ server: this.http, handleProtocols: ([first]) => first });
  protocols = [];

  constructor() {
    this.ws.on('connection', (socket) => {
      this.sockets.add(socket);
      this.protocols.push(socket.protocol);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('message', (data) => this.#take(socket, JSON.parse(data)));
    });
  }

  #take(socket, frame) {
    if (frame.type === 'ping') socket.send(JSON.stringify({ type: 'pong', n: frame.n, cursor: 'c' }));
    if (frame.type !== 'hello') return;
    const after = frame.seen?.['all/price'] ?? 0;
    const missed = this.log.filter(({ seq }) => seq > after).map((event) => ({ ...event, replay: frame.n }));
    const ready = { type: 'ready', replay: frame.n, cursor: 'c' };
    for (const answer of [...missed, ready]) socket.send(JSON.stringify(answer));
  }

  publish(event) {
    this.log.push(event);
    for (const socket of this.sockets) socket.send(JSON.stringify(event));
  }

  cut() {
    for (const socket of this.sockets) socket.terminate();
  }

  async stop() {
    this.cut();
    this.ws.close();
    this.http.close();
    await once(this.http, 'close');
  }
}

test('over cuts in the middle of sending, each event is shown once and in order', async () => {
  const server = new Server();
  const url = await listen(server.http);
  const options = { ...quick, protocols: ['bearer', 'token'], livedMilliseconds: 0 };
  const client = connect(url.replace('ws:', 'http:'), options);
  const seqs = [];
  const all = new Promise((resolve) => client.subscribe('price', ({ seq }) => seqs.push(seq) === 200 && resolve()));
  await client.established;
  assert.equal(client.status.transport, 'websocket');
  assert.ok(client.status.latency === null || client.status.latency >= 0);
  for (let seq = 1; seq <= 200; seq += 1) {
    server.publish(price(seq));
    if (seq % 50 === 0) {
      const isBack = told(client, 'status', ({ state }) => state === 'live');
      server.cut();
      await isBack;
    }
  }
  await all;
  assert.deepEqual(seqs, Array.from({ length: 200 }, (_, index) => index + 1));
  assert.equal(client.status.reconnects, 4);
  assert.deepEqual(client.status.reason.code, 'lost');
  assert.ok(server.protocols.every((protocol) => protocol === 'bearer'));
  client.probe();
  await told(client, 'status', ({ latency }) => latency !== null);
  client.close();
  await server.stop();
});

test('a program ends by itself once its client is closed: nothing is left that would keep it', async () => {
  const server = new Server();
  const url = await listen(server.http);
  const program = `
    import { connect } from '${new URL('../src/index.js', import.meta.url)}';
    import { WebSocket } from '${new URL('./ws.js', import.meta.url)}';
    const client = connect('${url}', { WebSocket });
    await client.established;
    client.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  assert.equal(server.protocols.length, 1);
  await server.stop();
});

test('a server that answers with HTML', async () => {
  const http = createServer((request, response) => response.end('<!doctype html><title>hello</title>'));
  const url = await listen(http);
  const client = connect(url, quick);
  const reasons = [];
  client.on('status', ({ state, reason }) => state === 'waiting' && reasons.push(reason.code));
  for (let count = 0; count < 3; count += 1) await told(client, 'status', ({ state }) => state === 'waiting');
  client.close();
  assert.deepEqual(reasons, ['unreachable', 'unreachable', 'unreachable']);
  http.close();
});

test('a server that accepts and says nothing: the handshake is given up', async () => {
  const sockets = [];
  const silent = net.createServer((socket) => sockets.push(socket));
  const url = await listen(silent);
  const client = connect(url, { ...quick, connectMilliseconds: 30 });
  for (let count = 0; count < 3; count += 1) await told(client, 'status', ({ reason }) => reason?.code === 'timeout');
  client.close();
  assert.ok(sockets.length >= 2, `${sockets.length} connections`);
  await Promise.all(sockets.map((socket) => socket.closed || once(socket.resume(), 'close')));
  silent.close();
});

test('a port at which nobody listens, then somebody does', async () => {
  const taken = net.createServer();
  const url = await listen(taken);
  const { port } = taken.address();
  taken.close();
  await once(taken, 'close');
  const client = connect(url, quick);
  await told(client, 'status', ({ state }) => state === 'waiting');
  const server = new Server();
  server.http.listen(port, '127.0.0.1');
  await client.established;
  client.close();
  await server.stop();
});
