import { whole } from './frames.js';

const size = (value) => new TextEncoder().encode(JSON.stringify(value)).length;

/** The newest event of each stream that was shown. */
export const createPlaces = (saved, maximumStreams, onTooMany) => {
  // A saved position may be anything.
  const places = new Map(Object.entries(saved ?? {}).filter(([, seq]) => whole(seq)));
  return {
    at: (stream) => places.get(stream) ?? 0,
    move(stream, seq) {
      if (places.has(stream) || places.size < maximumStreams) places.set(stream, seq);
      else onTooMany();
    },
    /** A stream that was begun anew counts from 1 again; no name is every stream. */
    forget(stream) {
      if (stream === undefined) places.clear();
      else places.delete(stream);
    },
    get all() {
      return Object.fromEntries(places);
    },
    /** `frame` with as many places as 32 KB hold. The cursor speaks for the others: their events come again. */
    join(frame) {
      let room = 32_758 - size(frame);
      const entries = [...places].filter((entry) => (room -= size(entry)) >= 0);
      return { ...frame, ...(entries.length && { seen: Object.fromEntries(entries) }) };
    },
  };
};

/** Live events that wait until what was missed has been shown. */
export const createHeld = (maximumEvents, maximumSize) => {
  let events = [];
  let size = 0;
  const take = () => {
    const taken = events;
    events = [];
    size = 0;
    return taken.sort((one, two) => (one.stream < two.stream ? -1 : one.stream > two.stream ? 1 : one.seq - two.seq));
  };
  return {
    take,
    /** False: there is no room, and nothing is held any more. */
    add(event) {
      size += JSON.stringify(event).length;
      const fits = events.push(event) <= maximumEvents && size <= maximumSize;
      if (!fits) take();
      return fits;
    },
  };
};
