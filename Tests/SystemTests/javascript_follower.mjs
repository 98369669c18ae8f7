// `node javascript_follower.mjs URL TYPE [POSITION]`: prints each event, gap and status of the JavaScript client as a line
// of JSON, and the position when its input ends.
import { connect } from '../../Clients/js/src/index.js';
import { WebSocket } from '../../Clients/js/test/ws.js';

const [url, type, position] = process.argv.slice(2);
const print = (value) => console.log(JSON.stringify(value));

const client = connect(url, { WebSocket, ...(position && { position: JSON.parse(position) }) });
client.subscribe(type, (event, row) => print({ ...(row ? { row: event.data } : { event: event.data }), seq: event.seq }));
for (const name of ['gap', 'folded', 'diagnostic']) client.on(name, (value) => print({ [name]: value }));
client.on('notice', (frame) => frame.type === 'resume' && print({ resume: frame.recovered }));
client.on('status', ({ state, reconnects, reason, latency }) => print({ state, reconnects, reason, latency }));

process.stdin.on('end', () => {
  client.close();
  print({ position: client.position });
});
process.stdin.resume();
