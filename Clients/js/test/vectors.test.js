// Every case of Tests/StreamClientTests/Vectors, which all clients of the project share.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { createFollower } from '../src/follower.js';
import { gunzip } from '../src/unpacking.js';

const folder = new URL('../../../Tests/StreamClientTests/Vectors/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
const cases = files.flatMap((file) =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')).map((found) => ({ ...found, file })));

const optionNames = new Set([
  'eventTypes', 'keys', 'hello', 'cursor', 'seen', 'draws', 'readyMilliseconds', 'helloAttempts', 'pingMilliseconds',
  'pongMilliseconds', 'livedMilliseconds', 'basePauseMilliseconds', 'maximumPauseMilliseconds', 'rotateMilliseconds',
  'heldEvents', 'joinedBytes', 'streams']);

async function step(follower, outputs, { at, output, place, ...input }, joinedBytes) {
  const [[name, value], ...others] = Object.entries(input);
  assert.equal(others.length, 0, `one input, not ${Object.keys(input)}`);
  switch (name) {
    case 'connected': follower.opened(at); break;
    case 'frame': follower.frame(at, JSON.stringify(value)); break;
    case 'text': follower.frame(at, value); break;
    case 'disconnected': follower.closed(at, value.status); break;
    case 'time': follower.time(at); break;
    case 'subscribe': follower.subscribe(at, value.eventTypes, value.keys); break;
    default: assert.fail(`an input that is not known: ${name}`);
  }
  while (outputs.at(-1)?.inflate !== undefined) {
    follower.inflated(at, await gunzip(outputs.pop().inflate, joinedBytes));
  }
}

for (const { file, name, options, steps } of cases) {
  test(`${file}: ${name}`, async () => {
    for (const option of Object.keys(options)) assert.ok(optionNames.has(option), `unknown option ${option}`);
    const { draws = [], ...settings } = options;
    const random = () => {
      assert.ok(draws.length, 'a random number was needed that the case does not have');
      return draws.shift();
    };
    let outputs = [];
    const follower = createFollower({ ...settings, random }, (output) => outputs.push(output));
    for (const [index, current] of steps.entries()) {
      const label = `step ${index} at ${current.at}`;
      if (current.time) {
        const isDue = follower.wakeAt <= current.at;
        assert.equal(isDue, current.output.length > 0, `${label}: wants to be told at ${follower.wakeAt}`);
      }
      outputs = [];
      await step(follower, outputs, current, options.joinedBytes ?? 8 << 20);
      for (const output of outputs) if (output.diagnostic) delete output.message;
      assert.deepEqual(outputs, current.output, label);
      if (current.place) {
        const { cursor, seen } = follower.position;
        assert.deepEqual({ cursor, seen }, { cursor: current.place.cursor, seen: current.place.seen ?? {} }, label);
      }
    }
  });
}

test('there are at least a hundred cases, and no two of one name', () => {
  assert.ok(cases.length >= 100, `${cases.length} cases`);
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
});
