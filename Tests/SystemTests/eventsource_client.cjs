// Debian's node-eventsource at each URL of the command line; a line of JSON to standard output for each message and each error.
// NODE_PATH is Debian's /usr/share/nodejs.
const EventSource = require("eventsource");

process.argv.slice(2).forEach((url, which) => {
  const say = (what) => process.stdout.write(JSON.stringify({ which, ...what }) + "\n");
  const source = new EventSource(url);
  source.onmessage = (message) => say({ data: message.data, id: message.lastEventId });
  source.onerror = (error) => say({ state: source.readyState, status: error.status });
});
