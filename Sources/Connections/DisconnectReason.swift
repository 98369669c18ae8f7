package import Messaging
package import Telemetry

/// Why a connection ended, in one of a few words: the log's, and those by which disconnects are counted.
package enum DisconnectReason: String, Sendable, CaseIterable {
  /// The client closed it, or its page went away.
  case client
  /// API Gateway closed it: ten minutes without a frame.
  case idle
  /// API Gateway closed it: two hours are over.
  case lifetime
  /// What the client sent was no WebSocket frame that may be sent, or too large.
  case protocolError = "protocol"
  /// It broke: no close frame came.
  case lost
  /// The gateway closed it for a fault of its own.
  case error
  /// A post found it gone; its `$disconnect` did not come.
  case gone
  /// Its credential ended, or its key was revoked.
  case expired
  /// It answered none of three pings.
  case unanswered
  /// Newer connections of its user took its place.
  case limit
  /// None was told.
  case unknown

  /// From the close code that `$disconnect` tells (RFC 6455, 7.4.1). For an idle connection and for one that is two hours
  /// old API Gateway says 1001 and `Going away`; a browser's page that closes says 1001 and nothing.
  package init(closeCode: Int?, text: String?, seconds: Int64) {
    switch closeCode ?? 0 {
    case 1000, 1005, 3000...4999: self = .client
    case 1001 where text?.isEmpty ?? true: self = .client
    case 1001: self = seconds >= Self.lifetimeSeconds ? .lifetime : .idle
    case 1002, 1003, 1007...1010: self = .protocolError
    case 1006: self = .lost
    case 1011...1014: self = .error
    default: self = .unknown
    }
  }

  /// Two hours, less what the clocks of two machines differ.
  private static let lifetimeSeconds: Int64 = 2 * 60 * 60 - 10
}

extension Log.Value {
  /// As it came, unless a part of it looks like what nobody may read.
  package static func correlation(_ id: CorrelationID) -> Log.Value {
    id.isMachineMade ? .identifier(id.text) : .text(id.text)
  }
}

extension Log {
  /// The log of one connection: each line bears its correlation id.
  package func of(_ record: ConnectionRecord) -> Log {
    record.correlationID.map { with(["correlationId": .correlation($0)]) } ?? self
  }

  /// A connection ended: once for each, by whoever took its row out of the table. `detail`: what the gateway said beside.
  package func disconnected(
    _ departed: Connections.Departed, reason: DisconnectReason, code: Int? = nil, detail: String? = nil,
    atMilliseconds now: Int64
  ) {
    let record = departed.record
    of(record).log(
      departed.isFirst ? .info : .debug, "disconnected",
      [
        "connectionId": .identifier(record.id.text), "user": .personal(record.principal.user),
        "reason": .identifier(reason.rawValue), "code": .number(Int64(code ?? 0)), "detail": .text(detail ?? ""),
        "seconds": .number(max(0, now - record.connectedAtMilliseconds) / 1_000),
      ])
  }
}
