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
/// head afterwards, so it sees that append. `Docs/decisions/0005-rounds-marks-and-open-streams.md`, `Docs/delivery.md`.
package struct Checkpoints {
  let table: any Table
  let clock: Clock
  let randomness: Randomness

  /// A lease that its holder does not prolong ends after this time. A holder prolongs it when half of the time is over.
  package static let leaseMilliseconds: Int64 = 10_000
  /// Of two machines the clock of one may be ahead.
  private static let longestMilliseconds = 2 * leaseMilliseconds
  /// As long as a stream's head is kept after its last append: a checkpoint that expired before its
  /// head would have the whole log sent again.
  static let keptSeconds: Int64 = 31 * 24 * 60 * 60

  package init(table: any Table, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// Acquires the lease of a stream with one write. Nil: another process has it.
  package func acquire(stream: String) throws(TableError) -> Lease? {
    let holder = randomness.hexadecimal()
    let now = clock.milliseconds()
    var change = change()
    change.set = ["v": .number(1), "holder": .string(holder), "end": .number(now + Self.leaseMilliseconds)]
    change.createsItem = true
    change.expiresOnCreation = now / 1000 + Self.keptSeconds
    // What lasts longer than a lease can was written by a clock that has been set back since.
    let free = Condition.any([
      .lacks("holder"), .less("end", .number(now)), .greater("end", .number(now + Self.longestMilliseconds)),
    ])
    do {
      return Lease(
        item: try table.update(Keys.checkpoint(stream: stream), change: change, if: free), stream: stream,
        holder: holder)
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
    // A backend that lost the answer and tried again is refused by its own write.
    guard let current = try table.get(Keys.checkpoint(stream: stream), consistency: .strong),
      current.string("holder") == holder
    else {
      return nil
    }
    return Lease(item: current, stream: stream, holder: holder)
  }

  /// Writes the lease's progress and prolongs it, or releases it. False: another process has acquired the lease since, and
  /// nothing was written.
  package func write(_ lease: inout Lease, releasing: Bool = false) throws(TableError) -> Bool {
    let end = clock.milliseconds() + Self.leaseMilliseconds
    var change = change()
    change.set = [
      "epoch": .string(lease.epoch), "deliveredThrough": .number(lease.deliveredThrough),
      "roundAt": .number(lease.roundAtMilliseconds),
    ]
    if let interruptedRound = lease.interruptedRound {
      change.set["roundEnd"] = .number(interruptedRound.end)
      change.set["shard"] = .number(Int64(interruptedRound.position.shard))
      change.set["after"] = .string(interruptedRound.position.after)
    } else {
      change.remove = ["roundEnd", "shard", "after"]
    }
    if releasing {
      change.remove.formUnion(["holder", "end"])
    } else {
      change.set["end"] = .number(end)
    }
    do {
      _ = try table.update(
        Keys.checkpoint(stream: lease.stream), change: change, if: .equals("holder", .string(lease.holder)))
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
    guard let item = try table.get(Keys.checkpoint(stream: stream), consistency: .strong) else { return nil }
    return Self.checkpoint(item, at: clock.milliseconds())
  }

  /// The checkpoint that a row says.
  static func checkpoint(_ item: Item, at now: Int64) -> StreamCheckpoint {
    let isLeased =
      item.string("holder") != nil && (now...now + longestMilliseconds).contains(item.number("end") ?? 0)
    return StreamCheckpoint(
      epoch: item.string("epoch") ?? "", deliveredThrough: item.number("deliveredThrough") ?? 0, isLeased: isLeased)
  }

  private func change() -> Change {
    var change = Change()
    change.expires = .at(clock.seconds + Self.keptSeconds)
    return change
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

  init(item: Item, stream: String, holder: String) {
    self.stream = stream
    self.holder = holder
    endMilliseconds = item.number("end") ?? 0
    epoch = item.string("epoch") ?? ""
    deliveredThrough = item.number("deliveredThrough") ?? 0
    roundAtMilliseconds = item.number("roundAt") ?? 0
    if let end = item.number("roundEnd"), let shard = item.number("shard"), let after = item.string("after") {
      interruptedRound = InterruptedRound(end: end, position: ListenerPosition(shard: Int(shard), after: after))
    }
  }

  /// The log was made anew since: nothing of it was sent.
  package mutating func follow(_ epoch: String) {
    guard self.epoch != epoch else { return }
    self.epoch = epoch
    deliveredThrough = 0
    interruptedRound = nil
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
