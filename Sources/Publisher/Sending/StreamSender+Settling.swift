import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

extension StreamSender {
  /// Removes the rows of a connection that is gone; false if the table failed.
  func remove(_ id: ConnectionID, found topics: [Topic]) -> Bool {
    do throws(TableError) {
      try connections.disconnect(id, found: topics)
      return true
    } catch {
      log.error(
        "gone connection not removed", ["connectionId": .identifier(id.text), "reason": .text(error.description)])
      return false
    }
  }
}

// Those who did not get everything.
extension StreamSender.Posting {
  /// A connection that is gone loses its rows; one that lacks something is noted, unless what it lacks can
  /// never reach it.
  mutating func settle(_ listener: Listener, _ ending: Ending) {
    let row = catchingUp.removeValue(forKey: listener.id)?.row
    result.leave(listener)
    switch ending.reason {
    case .gone:
      if streamSender.remove(listener.id, found: run.topics) {
        if let row { result.served.append(row) }
      } else {
        note(listener, ending, row)
      }
    case .refused(let status):
      log.warn("delivery refused", fields(listener, ending, "status", .number(Int64(status))))
      if status != Self.tooLarge { note(listener, ending, row) } else if let row { result.served.append(row) }
    case .broken(let reason):
      log.warn("delivery failed", fields(listener, ending, "reason", .text(reason)))
      note(listener, ending, row)
    case .unsent: note(listener, ending, row)
    }
  }

  private static var tooLarge: Int { 413 }

  /// Which connection lacks what, by the correlation id of the first event that it lacks, or by that event's own.
  private func fields(
    _ listener: Listener, _ ending: Ending, _ name: String, _ what: Log.Value
  ) -> Log.Fields {
    let id = Log.Value.identifier(listener.id.text)
    let sequence = ending.firstMissing < listener.marks.count ? listener.marks[ending.firstMissing] : 0
    guard let event = round.event(sequence) ?? pages.event(sequence) else {
      // Of the frame that says why a connection ends.
      return ["connectionId": id, name: what, "stream": .stream(round.stream)]
    }
    return [
      "connectionId": id, name: what, "stream": .stream(round.stream), "seq": .number(sequence),
      "correlationId": .text(event.correlationID ?? event.id),
    ]
  }

  /// One that got a part of what it lacks has its next turn soon.
  private mutating func note(_ listener: Listener, _ ending: Ending, _ row: Behind?) {
    let from = listener.marks[ending.firstMissing]
    let failures = row.map { ending.firstMissing > 0 ? 1 : $0.failures + 1 } ?? 0
    result.missing.append(Missing(listener.id, from: from, failures: failures))
  }
}
