import Connections
import LambdaEvents
import Messaging
import Telemetry

/// Writes down who came in and who was refused: lines with `"event":"audit"`.
struct Audit {
  /// For lines about other connections.
  let log: Log
  /// For those that this one is the reason of.
  let ownLog: Log

  init(_ log: Log, _ event: ConnectEvent) {
    self.log = log
    ownLog = log.with([
      "event": "audit", "connectionId": .identifier(event.context.connectionID.text),
      "address": .identifier(event.context.sourceAddress),
    ])
  }

  func connected(record: ConnectionRecord) {
    ownLog.info(
      "connected",
      [
        "user": .personal(record.principal.user), "role": .text(record.principal.role?.rawValue ?? "none"),
        "until": .identifier(record.untilMilliseconds.map { Timestamp.rfc3339(milliseconds: $0) } ?? "none"),
      ])
  }

  func refused(status: Int, reason: LogText) {
    ownLog.warn("connection refused", ["status": .number(Int64(status)), "reason": .own(reason)])
  }
}
