import Messaging

/// When the sweep pings a connection that says nothing, and when it closes one that answers none. Why so:
/// `Docs/decisions/0011-who-pings.md`.
///
/// With `PING_SECONDS=120`: silent for two minutes it is pinged, and once more in each of the next two; after five minutes
/// it is closed. A client library pings by itself every four minutes, so it is pinged after five. A client whose protocol
/// has no pong is pinged every four minutes and stays.
package struct PingPolicy: Sendable {
  /// `PING_SECONDS`.
  private let milliseconds: Int64

  package static let pings: Int64 = 3

  package init(_ limits: StreamLimits) { milliseconds = limits.pingSeconds * 1_000 }

  package var isOn: Bool { milliseconds > 0 }

  package enum Turn: Equatable, Sendable {
    /// Not before this moment, in milliseconds since the epoch.
    case later(thanMilliseconds: Int64)
    case ping
    case close
  }

  /// Of a connection that is known by this moment only, when it connected. Its row need not be read before.
  package func earliest(connectedAtMilliseconds moment: Int64) -> Int64 { moment + milliseconds }

  package func turn(of record: ConnectionRecord, nowMilliseconds now: Int64) -> Turn {
    let liveness = record.liveness
    // Whoever said hello pings by itself.
    let patience = record.accepts.contains(.parts) ? milliseconds * 5 / 2 : milliseconds
    let silent = liveness.lastActivityMilliseconds + patience
    let due = max(silent, liveness.pingedAtMilliseconds.map { $0 + pause(record) } ?? silent)
    guard due <= now else { return .later(thanMilliseconds: due) }
    return record.answersPings && liveness.unansweredPings >= Self.pings ? .close : .ping
  }

  /// Sweeps come each minute, and not to the millisecond.
  private func pause(_ record: ConnectionRecord) -> Int64 {
    record.answersPings ? milliseconds * 45 / 100 : milliseconds * 2
  }
}

extension ConnectionRecord {
  /// Its protocol says so, or it did so once.
  package var answersPings: Bool { dialect.hasPong || accepts.contains(.parts) || liveness.hasPonged }
}
