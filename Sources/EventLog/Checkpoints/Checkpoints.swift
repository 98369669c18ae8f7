package import ConnectionStore
package import Connections
package import Telemetry

/// How far each stream was sent, and who sends it: one sender a stream at a time, by a lease.
///
/// Whoever finds the lease taken has appended before; so its holder, who gives it up first and looks at the head after,
/// will see what was appended.
package struct Checkpoints {
  let table: any Table
  let clock: Clock
  let randomness: Randomness

  /// How long a holder that says nothing keeps others waiting. A holder renews well before.
  package static let leaseMilliseconds: Int64 = 10_000
  /// Of two machines the clock of one may be ahead.
  private static let longestMilliseconds = 2 * leaseMilliseconds
  /// As long as a stream's head is kept after its last append: a mark that went first would have everything sent again.
  static let keptSeconds: Int64 = 31 * 24 * 60 * 60

  package init(table: any Table, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// Takes the lease of a stream, for one write. Nil: another holds it.
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
        item: try table.update(Keys.mark(stream: stream), change: change, if: free), stream: stream, holder: holder)
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
    // A backend that lost the answer and tried again is refused by its own write.
    guard let standing = try table.get(Keys.mark(stream: stream), consistency: .strong),
      standing.string("holder") == holder
    else {
      return nil
    }
    return Lease(item: standing, stream: stream, holder: holder)
  }

  /// Writes what the lease says now and prolongs it; with `releasing`, gives it up. False: another took it meanwhile,
  /// and what the lease says was not written.
  package func write(_ lease: inout Lease, releasing: Bool = false) throws(TableError) -> Bool {
    let end = clock.milliseconds() + Self.leaseMilliseconds
    var change = change()
    change.set = [
      "epoch": .string(lease.epoch), "sent": .number(lease.deliveredThrough),
      "round": .number(lease.roundAtMilliseconds),
    ]
    if let cut = lease.cut {
      change.set["cut"] = .number(cut.end)
      change.set["shard"] = .number(Int64(cut.position.shard))
      change.set["after"] = .string(cut.position.after)
    } else {
      change.remove = ["cut", "shard", "after"]
    }
    if releasing {
      change.remove.formUnion(["holder", "end"])
    } else {
      change.set["end"] = .number(end)
    }
    do {
      _ = try table.update(
        Keys.mark(stream: lease.stream), change: change, if: .equals("holder", .string(lease.holder)))
    } catch {
      guard error.code == .conditionFailed else { throw error }
      // Of a release whose answer was lost nothing can be known but that the lease is gone, which was wanted.
      return releasing
    }
    lease.endMilliseconds = end
    return true
  }

  /// How far a stream was sent and whether somebody sends it, without taking part.
  package func read(stream: String) throws(TableError) -> (epoch: String, deliveredThrough: Int64, isHeld: Bool)? {
    guard let item = try table.get(Keys.mark(stream: stream), consistency: .strong) else { return nil }
    return Self.standing(item, at: clock.milliseconds())
  }

  /// What a mark's row says.
  static func standing(_ item: Item, at now: Int64) -> (epoch: String, deliveredThrough: Int64, isHeld: Bool) {
    let isHeld =
      item.string("holder") != nil && (now...now + longestMilliseconds).contains(item.number("end") ?? 0)
    return (item.string("epoch") ?? "", item.number("sent") ?? 0, isHeld)
  }

  private func change() -> Change {
    var change = Change()
    change.expires = .at(clock.seconds + Self.keptSeconds)
    return change
  }
}

/// The right to send a stream, and what is known of its sending.
package struct Lease: Equatable, Sendable {
  package let stream: String
  let holder: String
  /// Milliseconds since the epoch.
  package fileprivate(set) var endMilliseconds: Int64
  /// Of the log that `deliveredThrough` counts in; empty before anything was sent.
  package private(set) var epoch: String
  /// Every listener has the events up to this one, or is marked behind, or is removed.
  package private(set) var deliveredThrough: Int64
  /// When the last round began, in milliseconds since the epoch; 0: there was none.
  package var roundAtMilliseconds: Int64
  /// A round that had no time to reach all listeners.
  package var cut: InterruptedRound?

  init(item: Item, stream: String, holder: String) {
    self.stream = stream
    self.holder = holder
    endMilliseconds = item.number("end") ?? 0
    epoch = item.string("epoch") ?? ""
    deliveredThrough = item.number("sent") ?? 0
    roundAtMilliseconds = item.number("round") ?? 0
    if let end = item.number("cut"), let shard = item.number("shard"), let after = item.string("after") {
      cut = InterruptedRound(end: end, position: ListenerPosition(shard: Int(shard), after: after))
    }
  }

  /// The log was made anew since: nothing of it was sent.
  package mutating func follow(_ epoch: String) {
    guard self.epoch != epoch else { return }
    self.epoch = epoch
    deliveredThrough = 0
    cut = nil
  }

  package mutating func advance(through sequence: Int64) {
    deliveredThrough = max(deliveredThrough, sequence)
    cut = nil
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
