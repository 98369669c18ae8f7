package import ConnectionStore
import Connections
package import Messaging
import Telemetry

/// A delivery pause: no round sends a connection anything of a stream until the state as of the pause was posted to it.
///
/// For example: a client subscribes to `price:update` while the stream's checkpoint is at 6. `pause` writes a lag row for
/// the connection, from 7, due in ten seconds, and only then its listener rows are written. A round of 7 and 8 meets the
/// listener, finds the lag row and leaves the connection out. DefaultHandler posts the newest event of every key as of 6
/// and calls `resume`, which makes the lag row due now; the next round sends 7 and 8 and deletes the row. The client sees
/// the state before what follows it, though two processes post them.
///
/// `Docs/decisions/0005-rounds-checkpoints-and-active-streams.md`, `Docs/delivery.md`.
package struct DeliveryPause: Equatable, Sendable {
  package let stream: String
  /// Of the log that `through` counts in; empty: there was no log yet.
  package let epoch: String
  /// The events after this one are sent once delivery is resumed.
  package let through: Int64
  let writer: String
}

extension LagRows {
  /// A pause ends by itself after this time: a handler that dies in between delays the stream for its connection by so much.
  package static let pauseMilliseconds: Int64 = 10_000

  /// Pauses some streams for a connection: at the first event that it lacks if it lags already, else at the checkpoint.
  package func pause(_ streams: [String], id: ConnectionID) throws(TableError) -> [DeliveryPause] {
    let log = StreamLog(table: table, clock: clock)
    let checkpoints = Checkpoints(table: table, clock: clock)
    var pauses: [DeliveryPause] = []
    for stream in streams {
      let head = try log.head(stream: stream)
      let checkpoint = head == nil ? nil : try checkpoints.read(stream: stream)
      let sent = checkpoint.flatMap { $0.epoch == head?.epoch ? $0.deliveredThrough : nil } ?? 0
      pauses.append(try pause(stream: stream, id: id, epoch: head?.epoch ?? "", through: sent))
    }
    return pauses
  }

  /// Makes the paused connection ready for the next round in each of these streams.
  ///
  /// Where a sender, or another pause, has written the row since, some of the later events may have been sent before the state
  /// was posted: they are sent again, so that the newest event comes last.
  package func resume(_ pauses: [DeliveryPause], id: ConnectionID) throws(TableError) {
    for pause in pauses {
      do {
        try table.update(
          LagRow.key(stream: pause.stream, id: id), change: LagRow.change(dueAtMilliseconds: clock.milliseconds()),
          if: LagRow.isWritten(by: pause.writer))
      } catch {
        guard error.code == .conditionFailed else { throw error }
        _ = try self.pause(stream: pause.stream, id: id, epoch: pause.epoch, through: pause.through, forMilliseconds: 0)
      }
    }
  }

  /// Those of these streams that are paused for the connection now.
  package func paused(_ streams: [String], id: ConnectionID) throws(TableError) -> [String] {
    let now = clock.milliseconds()
    var paused: [String] = []
    for stream in streams {
      if let row = try row(stream: stream, id: id), !row.isSlow, row.dueAtMilliseconds > now { paused.append(stream) }
    }
    return paused
  }

  private func pause(
    stream: String, id: ConnectionID, epoch: String, through: Int64,
    forMilliseconds milliseconds: Int64 = Self.pauseMilliseconds
  ) throws(TableError) -> DeliveryPause {
    let key = LagRow.key(stream: stream, id: id)
    let paused = { (through: Int64) in
      DeliveryPause(stream: stream, epoch: epoch, through: through, writer: randomness.hexadecimal())
    }
    var pause = paused(through)
    try replace(row(key, pause: pause, dueAt: clock.milliseconds() + milliseconds), if: .absent) { current, _ in
      let earlier = current.flatMap { $0.isOf(epoch) ? $0.from - 1 : nil } ?? through
      pause = paused(min(through, earlier))
      return row(key, pause: pause, dueAt: clock.milliseconds() + milliseconds)
    }
    return pause
  }

  private func row(_ key: ItemKey, pause: DeliveryPause, dueAt: Int64) -> Item {
    LagRow.item(
      key, epoch: pause.epoch, from: pause.through + 1, dueAtMilliseconds: dueAt, writer: pause.writer,
      expires: clock.seconds + keptSeconds)
  }
}
