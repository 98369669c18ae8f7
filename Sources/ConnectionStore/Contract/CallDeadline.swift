/// By when the calls of the invocation at hand have to end: whoever takes invocations sets it, a table over the network
/// reads it. One process handles one invocation at a time, so one object serves all of them.
///
///     let deadline = CallDeadline()
///     let table = try TableSelection.open(environment, deadline: deadline)
///     deadline.set(milliseconds: context.deadlineMilliseconds, now: clock.milliseconds())
///
/// Of an invocation with 29 s a call that keeps failing is tried again for 27 s; the rest is for the answer.
package final class CallDeadline {
  /// What is kept of an invocation for its answer: a quarter of it, and no more than this.
  private static let reserveMilliseconds: Int64 = 2_000
  /// A call ends so long before the deadline, whether or not it was answered.
  private static let lastMilliseconds: Int64 = 250

  private var deadline = Int64.max
  private var lastAttempt = Int64.max

  package init() {}

  /// Both are milliseconds since the epoch.
  package func set(milliseconds: Int64, now: Int64) {
    deadline = milliseconds
    lastAttempt = milliseconds - max(Self.lastMilliseconds, min(Self.reserveMilliseconds, (milliseconds - now) / 4))
  }

  /// Whether a call that failed may be made again after a pause.
  package func allowsAttempt(after pauseMilliseconds: Int64, now: Int64) -> Bool {
    now < lastAttempt && pauseMilliseconds < lastAttempt - now
  }

  /// How long a call may take that is made now; nil: there is no time for it.
  package func callMilliseconds(now: Int64) -> Int64? {
    guard deadline != .max else { return .max }
    let left = deadline - now - Self.lastMilliseconds
    return left > 0 ? left : nil
  }
}
