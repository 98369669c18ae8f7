import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry

// The connections that did not get everything. Nothing of this asks the table: others wait for their frames meanwhile.
extension StreamSender.RoundDelivery {
  /// Records the lag of a connection, unless the events that it lacks can never reach it.
  mutating func record(_ listener: PendingDelivery, failure: DeliveryFailure) {
    let row = catchingUp.removeValue(forKey: listener.id)?.row
    result.discount(listener)
    streamSender.log(listener, failure: failure, stream: round.stream) { round.event($0) ?? pages.event($0) }
    switch failure.reason {
    case _ where failure.isTooLarge: if let row { result.served.append(row) }
    case .gone: recordLag(listener, failure: failure, row: row, pace: .gone)
    case .refused, .broken, .hung: recordLag(listener, failure: failure, row: row, pace: .slow)
    case .unreachable, .unsent: recordLag(listener, failure: failure, row: row, pace: .ready)
    }
  }

  /// A connection that got a part of its frames has its next turn soon. One that the gateway does not know yet may be on its
  /// way in, or have left: it is tried until that is known.
  private mutating func recordLag(
    _ listener: PendingDelivery, failure: DeliveryFailure, row: LaggingConnection?, pace: Pace
  ) {
    let from = listener.firstSequences[failure.firstUndelivered]
    let before = row.map { failure.firstUndelivered > 0 ? 0 : $0.failures } ?? 0
    let isYoung = failure.reason == .refused(status: 410)
    result.lags.append(
      Lag(
        id: listener.id, from: from, failures: pace == .slow ? before + 1 : 0, pace: pace,
        dueByMilliseconds: isYoung ? listener.connectedAtMilliseconds + FanoutState.youngMilliseconds : nil))
  }
}

extension StreamSender {
  /// A line about a frame that did not arrive, unless there was no time for it.
  func log(_ listener: PendingDelivery, failure: DeliveryFailure, stream: String, _ event: (Int64) -> Event?) {
    let (message, name, what): (LogText, String, Log.Value)
    switch failure.reason {
    case .gone, .unsent: return
    case .refused(let status): (message, name, what) = ("delivery refused", "status", .number(Int64(status)))
    case .broken(let reason), .unreachable(let reason):
      (message, name, what) = ("delivery failed", "reason", .text(reason))
    case .hung: (message, name, what) = ("delivery failed", "reason", "no answer as long as one was waited for")
    }
    // By the correlation id of the first event that it lacks, or by that event's own.
    let id = Log.Value.identifier(listener.id.text)
    let sequence =
      failure.firstUndelivered < listener.firstSequences.count ? listener.firstSequences[failure.firstUndelivered] : 0
    guard let event = event(sequence) else {
      // Of the frame that says why a connection ends.
      return log.warn(message, ["connectionId": id, name: what, "stream": .stream(stream)])
    }
    log.warn(
      message,
      [
        "connectionId": id, name: what, "stream": .stream(stream), "seq": .number(sequence),
        "correlationId": .text(event.correlationID ?? event.id),
      ])
  }
}

extension DeliveryFailure {
  /// The frame can never reach the client.
  var isTooLarge: Bool { reason == .refused(status: 413) }
}
