package import ConnectionStore
package import Connections
package import Telemetry

/// How far each stream was delivered, and the lease under which one process at a time sends it.
///
/// For example: a stream holds events 1 to 9 and its checkpoint says `deliveredThrough` 6. Every listener has 1 to 6, or
/// lags (`LagRows`), or was removed. The holder of the lease sends 7 to 9, records the connections that did not get them,
/// and then writes `deliveredThrough` 9. If it dies before that write, its lease ends after ten seconds and the next holder
/// sends 7 to 9 again: a client may see an event twice, never not at all.
///
/// A process that finds the lease taken has appended before it asked. The holder releases the lease first and reads the
/// head afterwards, so it sees that append. `Docs/decisions/0005-rounds-checkpoints-and-active-streams.md`, `Docs/delivery.md`.
package struct Checkpoints {
  let table: any Table
  let clock: Clock
  let randomness: Randomness

  /// A lease that its holder does not prolong ends after this time. A holder prolongs it when half of the time is over.
  package static let leaseMilliseconds: Int64 = 10_000
  static let term = LeaseTerm(milliseconds: leaseMilliseconds)

  package init(table: any Table, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// Acquires the lease of a stream with one write. Nil: another process has it.
  package func acquire(stream: String) throws(TableError) -> Lease? {
    let holder = randomness.hexadecimal()
    let now = clock.milliseconds()
    let free = Self.term.isFree(at: now)
    let item = try Self.term.acquire(
      CheckpointRow.key(stream: stream), holder: holder, at: now, in: table, if: free)
    return item.map { CheckpointRow.lease($0, stream: stream, holder: holder) }
  }

  /// Writes the lease's progress and prolongs it, or releases it. False: another process has acquired the lease since, and
  /// nothing was written.
  package func write(_ lease: inout Lease, releasing: Bool = false) throws(TableError) -> Bool {
    let end = clock.milliseconds() + Self.leaseMilliseconds
    let change = CheckpointRow.change(
      lease, endMilliseconds: releasing ? nil : end, expires: clock.seconds + CheckpointRow.keptSeconds)
    do {
      _ = try table.update(
        CheckpointRow.key(stream: lease.stream), change: change, if: LeaseTerm.hasHolder(lease.holder))
    } catch {
      guard error.code == .conditionFailed else { throw error }
      // Of a release whose answer was lost nothing can be known but that the lease is gone, which was wanted.
      return releasing
    }
    lease.endMilliseconds = end
    return true
  }

  /// The checkpoint of a stream, read without acquiring its lease.
  package func read(stream: String) throws(TableError) -> StreamCheckpoint? {
    guard let item = try table.get(CheckpointRow.key(stream: stream), consistency: .strong) else { return nil }
    return CheckpointRow.checkpoint(item, at: clock.milliseconds())
  }
}

/// How far a stream was delivered, as its row says.
package struct StreamCheckpoint: Equatable, Sendable {
  /// The log that `deliveredThrough` counts in.
  package let epoch: String
  /// Each listener has the events up to this one, or lags, or is removed.
  package let deliveredThrough: Int64
  /// A process holds the lease now.
  package let isLeased: Bool
}

/// The right to send a stream, with the stream's checkpoint as its holder moves it.
package struct Lease: Equatable, Sendable {
  package let stream: String
  let holder: String
  /// Milliseconds since the epoch.
  package fileprivate(set) var endMilliseconds: Int64
  /// Of the log that `deliveredThrough` counts in; empty before anything was sent.
  package private(set) var epoch: String
  /// Every listener has the events up to this one, or lags, or is removed.
  package private(set) var deliveredThrough: Int64
  /// When the last round began, in milliseconds since the epoch; 0: there was none.
  package var roundAtMilliseconds: Int64
  /// A round that had no time to reach all listeners.
  package var interruptedRound: InterruptedRound?
  /// Of a user's stream: what nobody was there for.
  package var waiting = WaitingCount()

  init(
    stream: String, holder: String, endMilliseconds: Int64, epoch: String, deliveredThrough: Int64,
    roundAtMilliseconds: Int64
  ) {
    self.stream = stream
    self.holder = holder
    self.endMilliseconds = endMilliseconds
    self.epoch = epoch
    self.deliveredThrough = deliveredThrough
    self.roundAtMilliseconds = roundAtMilliseconds
  }

  /// The log was made anew since: nothing of it was sent.
  package mutating func follow(_ epoch: String) {
    guard self.epoch != epoch else { return }
    self.epoch = epoch
    deliveredThrough = 0
    interruptedRound = nil
    waiting = WaitingCount()
  }

  package mutating func advance(through sequence: Int64) {
    deliveredThrough = max(deliveredThrough, sequence)
    interruptedRound = nil
  }
}

/// A round that reached some of the listeners: it goes on after `position`, with the same events.
package struct InterruptedRound: Equatable, Sendable {
  /// The sequence number of its last event.
  package let end: Int64
  package let position: ListenerPosition

  package init(end: Int64, position: ListenerPosition) {
    self.end = end
    self.position = position
  }
}
