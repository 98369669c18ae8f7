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

/** What a `resume` says: with `isWhole` every stream was begun anew. */
export const readResume = (frame) => {
  const kinds = { missed: whole, reason: text };
  const known = check(frame, { ...kinds, to: cursorKind, streams: list });
  const { recovered, missed = null, reason = null, to, streams } = need(known, { recovered: text });
  const gaps = (streams ?? []).map((gap) => {
    const { stream, missed: count = null, reason: why = null } = need(check(object(gap), kinds), { stream: text });
    return { stream, missed: count, reason: why };
  });
  const isWhole = !streams && reason === 'epoch' && recovered === 'none';
  return { isAll: recovered === 'all', isWhole, missed, reason, to, gaps };
};
