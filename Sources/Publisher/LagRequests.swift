/// When lag senders were asked for, stream by stream: five at once, and then one in ten seconds. A client that is slow and
/// prompt by turns does not cost an invocation for each event. For clients from which something is withheld it is one a
/// second: they wait for no longer than they have to.
struct LagRequests {
  /// Until when what was asked for is paid, in milliseconds since the epoch.
  private var paidUntil: [Key: Int64] = [:]

  private struct Key: Hashable {
    let stream: [UInt8]
    let isPlanned: Bool

    var intervalMilliseconds: Int64 { isPlanned ? 1_000 : 10_000 }
  }

  private static let burst: Int64 = 5
  /// Bounds what an environment remembers.
  private static let rememberedStreams = 4_096

  /// False: it is not to be asked for now; a later round asks, or the sweep. `isPlanned`: at least for a client from which
  /// something is withheld.
  mutating func acquire(stream: String, isPlanned: Bool = false, nowMilliseconds now: Int64) -> Bool {
    let key = Key(stream: Array(stream.utf8), isPlanned: isPlanned)
    let paid = max(now, paidUntil[key] ?? 0)
    guard paid - now <= (Self.burst - 1) * key.intervalMilliseconds else { return false }
    if paidUntil.count >= Self.rememberedStreams { paidUntil.removeAll() }
    paidUntil[key] = paid + key.intervalMilliseconds
    return true
  }
}
