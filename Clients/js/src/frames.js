/** Why a frame is passed over: a code of the vectors, and words. */
export class Fault extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const kindOf = (value) => (Array.isArray(value) ? 'list'
  : Number.isSafeInteger(value) && value >= 0 ? 'whole number' : typeof value);

/** A member of a frame; undefined if it is absent or null. */
export const get = (frame, name, kind) => {
  const value = frame[name] ?? undefined;
  if (value !== undefined && kindOf(value) !== kind) throw new Fault('wrong_shape', `'${name}' is to be a ${kind}`);
  return value;
};

/** A member that must be there. A text is not empty, and no longer than allowed. */
export const need = (frame, name, kind, maximum = Infinity) => {
  const value = get(frame, name, kind);
  if (value === undefined || (maximum < Infinity && !(value.length && value.length <= maximum))) {
    throw new Fault('wrong_shape', `'${name}' is missing, empty or too long`);
  }
  return value;
};

export const requireObject = (value) => {
  if (value && kindOf(value) === 'object') return value;
  throw new Fault('wrong_shape', 'a frame is one JSON object');
};

/** Joins frames that come in parts, in order. Of the frames on their way the oldest stands first. */
export const createParts = (maximumSize) => {
  const frames = new Map();
  let finished;
  return (frame) => {
    const id = need(frame, 'id', 'string', 128);
    const index = need(frame, 'index', 'whole number');
    const count = need(frame, 'count', 'whole number');
    const data = need(frame, 'data', 'string');
    if (index >= count) throw new Fault('wrong_shape', `part ${index} of ${count}`);
    let part = frames.get(id);
    let dropped;
    // A part 0 after others: the server broke off and begins anew.
    if (!part || (index === 0 && part.data.length > 1)) {
      if (index) return { dropped: id === finished && index === count - 1 ? undefined : 'its beginning is not here' };
      frames.delete(id);
      if (frames.size === 8) {
        frames.delete(frames.keys().next().value);
        dropped = 'too many others came between its parts';
      }
      frames.set(id, (part = { count, data: [], size: 0 }));
    }
    const next = part.data.length;
    if (index === next - 1 && count === part.count && data === part.data[index]) return {};
    part.data.push(data);
    part.size += data.length;
    let size = 0;
    for (const waiting of frames.values()) size += waiting.size;
    const isWrong = count !== part.count || index !== next || size > maximumSize;
    if (!isWrong && next + 1 < count) return { dropped };
    frames.delete(id);
    if (isWrong) return { dropped: 'out of order, or too large' };
    finished = id;
    return { dropped, joined: part.data.join('') };
  };
};

/** @type {typeof import('./index').gunzip} */
export const gunzip = async (base64, maximumBytes) => {
  try {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    // The size is in the last four bytes (RFC 1952): some engines overlook what follows the compressed data.
    const size = new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
    if (size > maximumBytes) return;
    const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let left = size;
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return left ? undefined : text + decoder.decode();
      left -= value.length;
      if (left < 0) return void reader.cancel();
      text += decoder.decode(value, { stream: true });
    }
  } catch {}
};
