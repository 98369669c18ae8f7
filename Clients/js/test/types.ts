// Compiled, never run: what a program in TypeScript may write, and what the compiler is to refuse.
import { connect, createFollower } from '../src/index.js';
import type { DisconnectReason, Gap, Output, Position, Status, StreamEvent } from '../src/index.js';

interface Price { price: number }

export async function use(token: () => Promise<string>, position: Position): Promise<void> {
  const client = connect(async () => `/dev?auth=${await token()}`, {
    position, signal: new AbortController().signal, protocols: ['bearer', 'x'], pingMilliseconds: 1_000, WebSocket,
  });
  const undo: () => void = client.subscribe<Price>({ types: ['price:update'], keys: ['A*'] }, (event, row) => {
    const price: number | undefined = event.data?.price;
    const isFirst: boolean | undefined = row?.first;
    // @ts-expect-error: data has the type that was named
    event.data?.cost;
    return [price, isFirst];
  });
  for await (const event of client.events<Price>('price:update', { buffer: 10 })) {
    const folded: number | undefined = event.folded;
    if (folded) break;
  }
  const stop: () => void = client.on('gap', (gap: Gap) => gap.missed ?? 'unknown');
  client.on('status', ({ state, latency }) => [state === 'live', latency?.toFixed()]);
  client.on('folded', ({ folded, event }) => `${folded} ${event.key}`);
  // @ts-expect-error: there is no such event
  client.on('message', () => {});
  // @ts-expect-error: a handler is needed
  client.subscribe('price:update');
  // @ts-expect-error: the status is read only
  client.status = 'live';
  const went: boolean = client.send({ type: 'status' });
  await client.established.catch((reason: DisconnectReason) => reason.code === 'expired');
  const status: Status = client.status;
  // @ts-expect-error: no such state
  if (status.state === 'open') return;
  const next: Position = client.position;
  client.probe();
  client.close();
  undo();
  stop();
  void [went, next];
}

export function drive(now: number): StreamEvent[] {
  const shown: StreamEvent[] = [];
  const follower = createFollower({ eventTypes: ['a'], random: Math.random }, (output: Output) => {
    if ('show' in output) shown.push(output.show);
    else if ('reconnect' in output) output.reconnect.toFixed();
    else if ('stop' in output && output.stop.reason === 'refused') output.stop.status.toFixed();
  });
  follower.opened(now);
  follower.frame(now, '{}');
  // @ts-expect-error: a frame is text
  follower.frame(now, {});
  return shown;
}
