// Kinds of members.
export const text = (value) => typeof value === 'string';
export const name = (value, maximum = 512) => text(value) && value !== '' && value.length <= maximum;
export const cursorKind = (value) => name(value, 1024);
export const whole = (value) => Number.isSafeInteger(value) && value >= 0;
export const list = Array.isArray;
export const flag = (value) => typeof value === 'boolean';

/** The fault of a frame is thrown as the output that reports it. */
export const wrong = (what) => ({ diagnostic: 'wrong_shape', message: `${what} is missing or not of its kind` });

/** The frame, if its members are of these kinds; null is as good as absent. */
export const check = (frame, kinds, isNeeded = false) => {
  for (const [member, is] of Object.entries(kinds)) {
    const value = frame[member] ?? undefined;
    if (value === undefined ? isNeeded : !is(value)) throw wrong(member);
  }
  return frame;
};

export const need = (frame, kinds) => check(frame, kinds, true);

export const object = (value) => {
  if (!value || typeof value !== 'object' || list(value)) throw wrong('an object');
  return value;
};

/** Joins frames that come in parts. The oldest of those on their way stands first in the map. */
export const createParts = (maximumSize) => {
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
