import Messaging

/// How many frames one client may be sent: so many a second, and more for a moment.
///
/// For example: 10 a second and 20 at once. A client that was sent 20 at once is paid two seconds ahead; half a second later
/// it may be sent five.
struct FrameRate: Equatable, Sendable {
  let perSecond: Int64
  let burst: Int64

  private var intervalMilliseconds: Int64 { max(1, 1_000 / perSecond) }

  /// A clock that is ahead keeps nobody for longer than the burst took.
  private func debt(paidUntil: Int64, now: Int64) -> Int64 {
    min(max(0, paidUntil - now), burst * intervalMilliseconds)
  }

  func allowed(paidUntil: Int64, now: Int64) -> Int {
    Int((burst * intervalMilliseconds - debt(paidUntil: paidUntil, now: now)) / intervalMilliseconds)
  }

  /// Until when it is paid with so many more.
  func paid(_ frames: Int, paidUntil: Int64, now: Int64) -> Int64 {
    now + min(debt(paidUntil: paidUntil, now: now) + Int64(frames) * intervalMilliseconds, burst * intervalMilliseconds)
  }

  /// Until when it is paid with so many fewer.
  func paid(less frames: Int, paidUntil: Int64) -> Int64 { paidUntil - Int64(frames) * intervalMilliseconds }

  /// When half a second's worth of frames may be sent, or all of those that are left.
  func due(left frames: Int, paidUntil: Int64, now: Int64) -> Int64 {
    let together = max(1, min(Int64(frames), perSecond / 2, burst))
    return now + max(0, debt(paidUntil: paidUntil, now: now) - (burst - together) * intervalMilliseconds)
  }
}

/// The frames that this process sent lately to the clients that take no batches, of all streams together. Between processes a
/// connection's lag row tells of those of its stream.
final class FrameBudget {
  let rate: FrameRate
  /// Until when each is paid, in milliseconds since the epoch.
  private var paidUntil: [ConnectionID: Int64] = [:]

  /// Bounds what an environment remembers.
  private static let rememberedConnections = 100_000

  init(rate: FrameRate) { self.rate = rate }

  /// What another process has sent it.
  func add(_ id: ConnectionID, paidUntil other: Int64) {
    if other > paidUntil[id] ?? 0 { paidUntil[id] = other }
  }

  /// What another process has to know; 0: nothing, as long as half of what it may be sent at once is left.
  func paidUntil(_ id: ConnectionID, nowMilliseconds now: Int64) -> Int64 {
    let paid = paidUntil[id] ?? 0
    return rate.allowed(paidUntil: paid, now: now) < rate.burst / 2 ? paid : 0
  }

  /// Takes as many of `frames` as may be sent now, `least` in any case, and answers how many.
  func acquire(_ id: ConnectionID, frames: Int, least: Int = 0, nowMilliseconds now: Int64) -> Int {
    if paidUntil.count >= Self.rememberedConnections { forget(before: now) }
    // One look-up for what was paid and what is: a round comes here for each of its deliveries.
    return acquire(&paidUntil[id, default: 0], frames: frames, least: least, now: now)
  }

  /// So many of those that it was to be sent were not.
  func giveBack(_ id: ConnectionID, frames: Int) {
    if let paid = paidUntil[id] { paidUntil[id] = rate.paid(less: frames, paidUntil: paid) }
  }

  private func acquire(_ paid: inout Int64, frames: Int, least: Int, now: Int64) -> Int {
    let count = max(min(frames, rate.allowed(paidUntil: paid, now: now)), least)
    if count > 0 { paid = rate.paid(count, paidUntil: paid, now: now) }
    return count
  }

  func due(_ id: ConnectionID, left frames: Int, nowMilliseconds now: Int64) -> Int64 {
    rate.due(left: frames, paidUntil: paidUntil[id] ?? 0, now: now)
  }

  private func forget(before now: Int64) {
    paidUntil = paidUntil.filter { $0.value > now }
    if paidUntil.count >= Self.rememberedConnections { paidUntil.removeAll() }
  }
}
