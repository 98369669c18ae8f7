package import ConnectionStore
import Connections
package import Messaging
import Telemetry

/// A place in a stream that is kept for a connection while it is shown the state up to there: what comes after it
/// waits.
///
/// A hold is a row of somebody who is behind, whose turn has not come. It stands before the listener rows do, so a
/// sender that finds the listener finds the hold too, and sends nothing of the stream past it; with `release` the
/// connection's turn has come. So the state and what follows it have one order, though two processes post them.
package struct DeliveryPause: Equatable, Sendable {
  package let stream: String
  /// Of the log that `through` counts in; empty: there was no log yet.
  package let epoch: String
  /// What comes after this event is sent once the hold is released.
  package let through: Int64
  let writer: String
}

extension LagRows {
  /// How long a hold stands at most. Whoever held it and died delays the stream for this connection by so much.
  package static let holdMilliseconds: Int64 = 10_000
  static let attempts = 16

  /// Holds a connection's place in each of some streams: where it is behind already, there; else where everybody is.
  package func hold(_ streams: [String], id: ConnectionID) throws(TableError) -> [DeliveryPause] {
    let log = StreamLog(table: table, clock: clock)
    let marks = Checkpoints(table: table, clock: clock)
    var holds: [DeliveryPause] = []
    for stream in streams {
      let head = try log.head(stream: stream)
      let mark = try marks.read(stream: stream)
      let sent = mark.flatMap { $0.epoch == head?.epoch ? $0.deliveredThrough : nil } ?? 0
      holds.append(try hold(stream: stream, id: id, epoch: head?.epoch ?? "", through: sent))
    }
    return holds
  }

  /// The connection's turn has come, in all of these streams.
  ///
  /// Where a sender, or another hold, has written what it knows since, some of what comes after the place may have been
  /// sent already, before the state was shown: it is sent again, so that the newest comes last.
  package func release(_ holds: [DeliveryPause], id: ConnectionID) throws(TableError) {
    for hold in holds {
      var change = Change()
      change.set["due"] = .number(clock.milliseconds())
      do {
        try table.update(
          Keys.behind(stream: hold.stream, id: id), change: change, if: .equals("by", .string(hold.writer)))
      } catch {
        guard error.code == .conditionFailed else { throw error }
        _ = try self.hold(stream: hold.stream, id: id, epoch: hold.epoch, through: hold.through, forMilliseconds: 0)
      }
    }
  }

  /// Those of these streams in which the connection's place is held now.
  package func held(_ streams: [String], id: ConnectionID) throws(TableError) -> [String] {
    let now = clock.milliseconds()
    var held: [String] = []
    for stream in streams {
      if let row = try row(stream: stream, id: id), !row.isSlow, row.dueAtMilliseconds > now { held.append(stream) }
    }
    return held
  }

  private func hold(
    stream: String, id: ConnectionID, epoch: String, through: Int64,
    forMilliseconds milliseconds: Int64 = Self.holdMilliseconds
  ) throws(TableError) -> DeliveryPause {
    let key = Keys.behind(stream: stream, id: id)
    var condition = Condition.absent
    var place = through
    for _ in 0..<Self.attempts {
      let hold = DeliveryPause(stream: stream, epoch: epoch, through: place, writer: randomness.hexadecimal())
      do {
        try table.put(row(key, hold: hold, dueAt: clock.milliseconds() + milliseconds), if: condition)
        return hold
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
      guard let standing = try table.get(key, consistency: .strong).flatMap(LaggingConnection.init) else {
        (condition, place) = (.absent, through)
        continue
      }
      // A backend that lost the answer and tried again is refused by its own write.
      if standing.writer == hold.writer { return hold }
      condition = .equals("by", .string(standing.writer))
      place = standing.isOf(epoch) ? min(through, standing.from - 1) : through
    }
    throw TableError(code: .contention, operation: "put", key: key, detail: "\(Self.attempts) attempts")
  }

  private func row(_ key: ItemKey, hold: DeliveryPause, dueAt: Int64) -> Item {
    Item(
      key: key,
      attributes: [
        "v": .number(1), "epoch": .string(hold.epoch), "from": .number(hold.through + 1), "tries": .number(0),
        "due": .number(dueAt), "by": .string(hold.writer),
      ], expires: clock.seconds + keptSeconds)
  }
}
