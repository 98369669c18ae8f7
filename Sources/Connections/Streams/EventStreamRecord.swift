import ConnectionStore
package import Messaging
package import Telemetry

/// One open event stream (`text/event-stream`, WHATWG HTML section 9.2): a client that reads events over HTTP, and counts
/// among its user's connections as long as its function lives.
package struct EventStreamRecord: Equatable, Sendable {
  /// The last part of its path that is no parameter: `orders`, `prices`, `ai-decisions`.
  package let route: String
  /// Nil: nobody in particular.
  package let user: String?
  package let role: Role?
  /// The name the client gave itself (`client_id`), if any.
  package let clientName: String?
  /// The hashes of the access keys that opened it.
  package let keyHashes: [String]
  package let correlationID: CorrelationID?
  /// Milliseconds since the epoch. It is moved by some milliseconds when the row is written, if another stream of the user and
  /// the route was opened in the same one.
  package internal(set) var openedAtMilliseconds: Int64
  /// When it counts no longer unless it is refreshed, in milliseconds since the epoch.
  package internal(set) var aliveUntilMilliseconds: Int64
  /// Where its row stands, which may be with another number of shards than a reader has; nil: it has none yet.
  var storedKey: ItemKey?
  /// Why it has to end; nil: it goes on.
  package internal(set) var endReason: DisconnectReason?

  package init(
    route: String, user: String?, role: Role?, clientName: String? = nil, keyHashes: [String] = [],
    correlationID: CorrelationID? = nil, openedAtMilliseconds: Int64
  ) {
    self.route = route
    self.user = user
    self.role = role
    self.clientName = clientName
    self.keyHashes = keyHashes
    self.correlationID = correlationID
    self.openedAtMilliseconds = openedAtMilliseconds
    aliveUntilMilliseconds = openedAtMilliseconds + EventStreamRow.aliveMilliseconds
  }

  /// By what the client, the log and the metrics name it: `{userId}-{stream}-{timestamp}`, such as
  /// `u-1-orders-1800000000000`. No two streams have the same.
  package var clientID: String { "\(user ?? Self.nobody)-\(route)-\(openedAtMilliseconds)" }

  /// Who has no user.
  package static let nobody = "anonymous"

  /// When its function said last that it is being sent, in milliseconds since the epoch.
  var refreshedAtMilliseconds: Int64 { aliveUntilMilliseconds - EventStreamRow.aliveMilliseconds }

  /// Whether it counts.
  package func isAlive(atMilliseconds now: Int64) -> Bool { endReason == nil && aliveUntilMilliseconds > now }
}

extension Log {
  /// The log of one event stream: each line bears its correlation id.
  package func of(_ record: EventStreamRecord) -> Log {
    record.correlationID.map { with(["correlationId": .correlation($0)]) } ?? self
  }

  /// An event stream ended: once for each, by the function that sent it, or by the sweep if that one died. `events`: how many it
  /// was sent; nil: nobody knows.
  package func ended(
    _ record: EventStreamRecord, reason: DisconnectReason, events: Int64?, atMilliseconds now: Int64
  ) {
    let log = events.map { of(record).with(["events": .number($0)]) } ?? of(record)
    log.info(
      "event stream ended",
      [
        "clientId": .personal(record.clientID), "user": .personal(record.user), "stream": .identifier(record.route),
        "reason": .identifier(reason.rawValue),
        "seconds": .number(max(0, now - record.openedAtMilliseconds) / 1_000),
      ])
  }
}
