import { check, list, name, need, object, text, whole, wrong } from './frames.js';

/** Joins frames that come in parts. The oldest of those on their way stands first in the map. */
const createParts = (maximumSize) => {
  const frames = new Map();
  let finished;
  return (frame) => {
    const { id, index, count, data } = need(frame, { id: name, index: whole, count: whole, data: text });
    if (index >= count || id.length > 128) throw wrong('index');
    let part = frames.get(id);
    let dropped;
    // A part 0 after others: the server broke off and begins anew.
    if (!part || (!index && part.data.length > 1)) {
      if (index) return { dropped: id !== finished || index < count - 1 };
      frames.delete(id);
      dropped = frames.size === 8;
      if (dropped) frames.delete(frames.keys().next().value);
      part = { count, data: [] };
      frames.set(id, part);
    }
    const next = part.data.length;
    const isCounted = count === part.count;
    if (isCounted && index === next - 1 && data === part.data[index]) return {};
    part.data.push(data);
    let size = 0;
    for (const other of frames.values()) for (const piece of other.data) size += piece.length;
    if (!isCounted || index !== next || size > maximumSize) {
      frames.delete(id);
      return { dropped: true };
    }
    if (next + 1 < count) return { dropped };
    frames.delete(id);
    finished = id;
    return { dropped, joined: part.data.join('') };
  };
};

/** @type {typeof import('./index').gunzip} */
export const gunzip = async (base64, maximumBytes) => {
  try {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    // The last four bytes are the size (RFC 1952): some engines overlook what follows the compressed data.
    let left = new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
    if (left > maximumBytes) return;
    const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let result = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return left ? undefined : result + decoder.decode();
      left -= value.length;
      if (left < 0) return void reader.cancel();
      result += decoder.decode(value, { stream: true });
    }
  } catch {}
};

/**
 * From texts to frames: what is in batches, in parts, or compressed. `lose` is called when a frame cannot be read, and nothing is
 * read once the connection is left.
 */
export const createUnpacking = (maximumSize, emit, consume, lose, isOpen) => {
  let join;
  const report = (diagnostic, message) => emit({ diagnostic, message });
  const guard = (work) => {
    try {
      work();
    } catch (fault) {
      if (!fault.diagnostic) throw fault;
      emit(fault);
    }
  };

  const read = (content, wrapping) => guard(() => {
    if (content.length > maximumSize) throw { diagnostic: 'too_large', message: `a frame of ${content.length}` };
    let frame;
    try {
      frame = JSON.parse(content);
    } catch (error) {
      report('not_json', `${error}`);
      return wrapping && lose();
    }
    consume(check(object(frame), { type: text }), wrapping);
  });

  return {
    guard,
    read,
    /** A new connection: parts of frames of the old one are not joined to those of this one. */
    begin: () => void (join = createParts(maximumSize)),

    // A batch's cursor names one stream only and is no position.
    batch(frame, consumeEvent) {
      const { replay } = check(frame, { replay: whole });
      const { events } = need(frame, { events: list });
      for (const event of events) guard(() => isOpen() && consumeEvent(event, '', replay));
    },
    gzip(frame, wrapping) {
      if (wrapping === 'gzip') throw wrong('gzip inside gzip: another frame');
      emit({ inflate: need(frame, { data: text }).data });
    },
    part(frame, wrapping) {
      if (wrapping) throw wrong('part inside another: a frame');
      const { joined, dropped } = join(frame);
      if (dropped) {
        report('part_dropped', 'parts out of order, too many or too large');
        lose();
      }
      if (joined !== undefined && isOpen()) read(joined, 'part');
    },
  };
};
