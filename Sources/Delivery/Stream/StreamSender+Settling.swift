import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry

// Those who did not get everything. Nothing of this asks the table: it happens while others wait for their frames.
extension StreamSender.RoundDelivery {
  /// A connection that lacks something is noted, unless what it lacks can never reach it.
  mutating func settle(_ listener: PendingDelivery, ending: DeliveryFailure) {
    let row = catchingUp.removeValue(forKey: listener.id)?.row
    result.leave(listener)
    streamSender.log(listener, ending: ending, stream: round.stream) { round.event($0) ?? pages.event($0) }
    switch ending.reason {
    case _ where ending.isTooLarge: if let row { result.served.append(row) }
    case .gone: note(listener, ending: ending, row: row, pace: .gone)
    case .refused, .broken, .hung: note(listener, ending: ending, row: row, pace: .slow)
    case .unreachable, .unsent: note(listener, ending: ending, row: row, pace: .ready)
    }
  }

  /// One that got a part of what it lacks has its next turn soon. One that the gateway does not know yet may be on its
  /// way in, or have left: it is tried until that is known.
  private mutating func note(_ listener: PendingDelivery, ending: DeliveryFailure, row: LaggingConnection?, pace: Pace)
  {
    let from = listener.marks[ending.firstMissing]
    let before = row.map { ending.firstMissing > 0 ? 0 : $0.failures } ?? 0
    let isYoung = ending.reason == .refused(status: 410)
    result.missing.append(
      Missing(
        id: listener.id, from: from, failures: pace == .slow ? before + 1 : 0, pace: pace,
        latestMilliseconds: isYoung ? listener.connectedAtMilliseconds + FanoutState.youngMilliseconds : nil))
  }
}

extension StreamSender {
  /// A line about a frame that did not arrive, unless there was no time for it.
  func log(_ listener: PendingDelivery, ending: DeliveryFailure, stream: String, _ event: (Int64) -> Event?) {
    let (message, name, what): (LogText, String, Log.Value)
    switch ending.reason {
    case .gone, .unsent: return
    case .refused(let status): (message, name, what) = ("delivery refused", "status", .number(Int64(status)))
    case .broken(let reason), .unreachable(let reason):
      (message, name, what) = ("delivery failed", "reason", .text(reason))
    case .hung: (message, name, what) = ("delivery failed", "reason", "no answer as long as one was waited for")
    }
    // By the correlation id of the first event that it lacks, or by that event's own.
    let id = Log.Value.identifier(listener.id.text)
    let sequence = ending.firstMissing < listener.marks.count ? listener.marks[ending.firstMissing] : 0
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
  /// What is lacking can never reach it.
  var isTooLarge: Bool { reason == .refused(status: 413) }
}
