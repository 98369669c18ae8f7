import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry

// The connections that did not get everything. Nothing of this asks the table: others wait for their frames meanwhile.
extension StreamSender.RoundDelivery {
  /// Records the lag of each connection, unless the events that it lacks can never reach it.
  mutating func record(_ failures: [DeliveryFailure]) {
    for failure in failures { record(failure) }
  }

  /// Listeners that were read and never handed on. The next round reads the others again; but a connection that lags, or that
  /// is sent a part of the round, would be taken to have got its frames, and what it lacks would be forgotten.
  mutating func giveUp(_ deliveries: [PendingDelivery]) {
    record(
      deliveries.filter { catchingUp[$0.id] != nil || withheld[$0.id] != nil }.map { DeliveryFailure(.unsent, of: $0) })
  }

  private mutating func record(_ failure: DeliveryFailure) {
    let catchUp = catchingUp.removeValue(forKey: failure.id)
    let row = catchUp?.row
    // It lacks what comes after that too.
    let isWithheld = withheld.removeValue(forKey: failure.id) != nil
    result.discount(failure)
    streamSender.budget?.giveBack(failure.id, frames: failure.notTaken)
    // It may be listed several times.
    if failure.reason == .gone, !departed.insert(failure.id).inserted { return }
    streamSender.log(failure, stream: plan.stream, before: row?.failures ?? 0) { plan.event($0) ?? pages.event($0) }
    switch failure.reason {
    case _ where failure.isTooLarge && isWithheld: recordLag(failure, row: row, pace: .slow)
    case _ where failure.isTooLarge: if let catchUp { finish(catchUp) }
    case .gone: recordLag(failure, row: row, pace: .gone)
    case .refused, .broken, .hung: recordLag(failure, row: row, pace: .slow)
    case .unreachable, .unsent: recordLag(failure, row: row, pace: .ready)
    }
  }

  /// A connection that got a part of its frames has its next turn soon. One that the gateway does not know yet may be on its
  /// way in, or have left: it is tried until that is known.
  private mutating func recordLag(_ failure: DeliveryFailure, row: LaggingConnection?, pace: Pace) {
    let before = row.map { failure.isPartial ? 0 : $0.failures } ?? 0
    result.lags.append(
      Lag(
        id: failure.id, from: failure.from, failures: pace == .slow ? before + 1 : 0, pace: pace,
        dueByMilliseconds: failure.knownByMilliseconds))
  }
}

extension StreamSender {
  /// A line about a frame that did not arrive, unless there was no time for it. An error, unless it is known: of a
  /// connection that has failed `before`, and is tried again, or that may be on its way in, a warning.
  func log(_ failure: DeliveryFailure, stream: String, before: Int64, _ event: (Int64) -> Event?) {
    let (message, name, what): (LogText, String, Log.Value)
    switch failure.reason {
    case .gone, .unsent: return
    case .refused(let status): (message, name, what) = ("delivery refused", "status", .number(Int64(status)))
    case .broken(let reason), .unreachable(let reason):
      (message, name, what) = ("delivery failed", "reason", .text(reason))
    case .hung: (message, name, what) = ("delivery failed", "reason", "no answer as long as one was waited for")
    }
    // By the correlation id of the first event that it lacks, or by that event's own.
    let id = Log.Value.identifier(failure.id.text)
    let isKnown = before > 0 && !failure.isTooLarge || failure.knownByMilliseconds != nil
    let level = isKnown ? Log.Level.warn : .error
    guard let event = event(failure.from) else {
      // Of the frame that says why a connection ends.
      return log.log(level, message, ["connectionId": id, name: what, "stream": .stream(stream)])
    }
    log.log(
      level, message,
      [
        "connectionId": id, name: what, "stream": .stream(stream), "seq": .number(failure.from),
        "correlationId": .text(event.correlationID ?? event.id),
      ])
  }
}

extension DeliveryFailure {
  /// The frame can never reach the client.
  var isTooLarge: Bool { reason == .refused(status: 413) }

  /// How many of its frames the client has certainly not got: one that has no answer may have arrived.
  fileprivate var notTaken: Int {
    switch reason {
    case .hung, .broken: undelivered - 1
    default: undelivered
    }
  }

  /// When it is known at the latest whether the connection has left, in milliseconds since the epoch; nil: it is known, or
  /// was not asked.
  var knownByMilliseconds: Int64? {
    reason == .refused(status: 410) ? delivery.connectedAtMilliseconds + FanoutState.youngMilliseconds : nil
  }
}
