/// When lag senders were asked for, stream by stream: five at once, and then one in ten seconds. A client that is slow and
/// prompt by turns does not cost an invocation for each event.
struct LagRequests {
  /// Until when what was asked for is paid, in milliseconds since the epoch.
  private var paidUntil: [[UInt8]: Int64] = [:]

  private static let intervalMilliseconds: Int64 = 10_000
  private static let burst: Int64 = 5
  /// Bounds what an environment remembers.
  private static let rememberedStreams = 4_096

  /// False: it is not to be asked for now; a later round asks, or the sweep.
  mutating func acquire(stream: String, nowMilliseconds now: Int64) -> Bool {
    let name = Array(stream.utf8)
    let paid = max(now, paidUntil[name] ?? 0)
    guard paid - now <= (Self.burst - 1) * Self.intervalMilliseconds else { return false }
    if paidUntil.count >= Self.rememberedStreams { paidUntil.removeAll() }
    paidUntil[name] = paid + Self.intervalMilliseconds
    return true
  }
}
