// `node javascript_audience.mjs`: the JavaScript clients of the delivery proof, all in one program. Each line of its input is
// `["join", {id, url, types, keys, seed}]`, `["calm"]` (nobody leaves any more) or `["end"]`; each line of its output an array of a
// client's id and what happened to it: `connected`, `event` with the event and whether it came before `ready`, `snapshot` with
// stream, seq, rows and the hello's number, `gap` with the gap, `fault`, `ended`.
import { createInterface } from 'node:readline';
import { connect } from '../../Clients/js/src/index.js';
import { WebSocket } from '../../Clients/js/test/ws.js';

const timing = {
  readyMilliseconds: 10_000, pingMilliseconds: 4_000, pongMilliseconds: 8_000, basePauseMilliseconds: 50, maximumPauseMilliseconds: 1_000,
};
let isCalm = false;

/** Even numbers from 0 up to 1 that a seed decides (mulberry32). */
const generator = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
  return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
};

class Member {
  hellos = 0;

  constructor(wanted) {
    this.wanted = wanted;
    this.random = generator(wanted.seed);
    this.start();
  }

  tell(...what) {
    process.stdout.write(`${JSON.stringify([this.wanted.id, ...what])}\n`);
  }

  start(position) {
    const { url, types, keys } = this.wanted;
    const client = connect(url, { ...timing, position, random: this.random, WebSocket: this.socketClass() });
    this.client = client;
    // Without types and keys: what is for this user comes too.
    client.subscribe({ types: [] }, (event, row) => row || this.tell('event', event, client.status.state !== 'live'));
    client.subscribe({ types, keys }, () => {});
    let rows = [];
    client.on('snapshot', ({ stream, seq, events, first, last }) => {
      rows = first ? events : [...rows, ...events];
      if (last) this.tell('snapshot', stream, seq, rows, this.hellos);
    });
    client.on('gap', (gap) => this.tell('gap', gap));
    client.on('diagnostic', (fault) => this.tell('fault', fault));
  }

  /** Sockets that count hellos, and that their member can break. */
  socketClass() {
    const member = this;
    return class extends WebSocket {
      constructor(...all) {
        super(...all);
        member.socket = this;
        this.on('open', () => member.opened(this));
      }

      send(text) {
        if (JSON.parse(text).type === 'hello') member.hellos += 1;
        super.send(text);
      }
    };
  }

  opened(socket) {
    this.tell('connected');
    setTimeout(() => socket === this.socket && this.leave(), -Math.log(1 - this.random()) * 6_000).unref();
  }

  /** In one of the ways in which connections and pages end. */
  leave() {
    if (isCalm) return;
    const { socket } = this;
    const ways = [
      () => socket.terminate(),
      () => socket.close(),
      // Reads nothing for a while: what is sent meanwhile is lost with the socket.
      () => {
        socket.pause();
        setTimeout(() => socket.terminate(), 200 + 1_300 * this.random());
      },
      () => {
        this.client.close();
        this.start(JSON.parse(JSON.stringify(this.client.position)));
      },
    ];
    ways[Math.floor(this.random() * ways.length)]();
  }

  end() {
    this.client.close();
    this.tell('ended');
  }
}

const members = [];
const takes = {
  join: (wanted) => members.push(new Member(wanted)),
  calm: () => (isCalm = true),
  end: () => members.splice(0).forEach((member) => member.end()),
};
createInterface({ input: process.stdin }).on('line', (line) => {
  const [name, value] = JSON.parse(line);
  takes[name](value);
}).on('close', () => process.exit());
