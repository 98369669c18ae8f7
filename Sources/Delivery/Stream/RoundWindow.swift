/// How far apart rounds begin that one client may get: one in a window, in the long run.
///
/// Rounds have slots, a window apart. A round that begins late takes its slot late, but by half a window at most: the next
/// slot comes as if it had begun that much earlier. So who publishes once a window, a little early or late each time, waits for
/// nothing, and no two rounds are closer than half a window. For example, with a window of 100 ms and publishes at 0, 103, 199
/// and 296 ms: each begins at once, in slots -50, 53, 153 and 253. With windows counted from each beginning, the third would
/// wait until 203 and the fourth until 303, and a publisher whose period is the window's could wait for a whole window each time.
struct RoundWindow {
  /// 0: `FRAMES_PER_SECOND` is no limit.
  let milliseconds: Int64

  /// The slot of a round that begins now, in milliseconds since the epoch; `last` is the slot of the one before. An urgent
  /// round begins before its slot, and a slot that is still to come was written by a clock that was ahead: neither moves the
  /// next one by more than a window from now.
  func slot(nowMilliseconds now: Int64, after last: Int64) -> Int64 {
    min(now, max(last + milliseconds, now - milliseconds / 2))
  }

  /// When the round after the one in this slot may begin.
  func opens(after slot: Int64) -> Int64 { slot + milliseconds }
}
