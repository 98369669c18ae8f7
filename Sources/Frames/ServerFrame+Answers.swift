import JSON
package import Messaging
import Telemetry

// What the server answers to single frames of a client.
extension ServerFrame {
  /// The acknowledgement of `subscribe` (`subscribed`) and of `unsubscribe` (`unsubscribed`): what of it was done, what was
  /// refused, and how many subscriptions the connection holds now. `count`: the client's own, of the frame it said.
  package static func acknowledgement(
    _ type: ControlType, of request: SubscriptionRequest, refused: [SubscriptionRequest.Refusal], subscriptions: Int,
    count: Int64?
  ) -> [UInt8] {
    JSONWriter.frame(type) { writer in
      writer.member(Member.count, ifPresent: count)
      let names = request.names.filter { name in !refused.contains { $0.name.hasSameBytes(as: name) } }
      writer.member(Member.eventTypes, list: names)
      if !request.keys.isEmpty { writer.member(Member.keys, list: request.keys) }
      if !refused.isEmpty { writer.member(Member.refused, refused: refused) }
      writer.member(Member.subscriptions, subscriptions)
    }
  }

  /// `cursor`: everything up to it was delivered.
  package static func pong(count: Int64?, cursor: Cursor?, milliseconds: Int64) -> [UInt8] {
    JSONWriter.frame(.pong) { writer in
      writer.member(Member.count, ifPresent: count)
      writer.member(Member.cursor, ifPresent: cursor?.text)
      writer.member(Member.timestamp, Timestamp.rfc3339(milliseconds: milliseconds))
    }
  }

  /// Asks a client that says nothing whether it is there.
  package static let ping = JSONWriter.frame(.ping) { _ in }

  /// What `status` tells of a connection.
  package struct Status {
    package let connectionID: ConnectionID
    package let principal: Principal
    package let clientName: String?
    package let dialect: Dialect
    /// Since the epoch.
    package let connectedAtMilliseconds: Int64
    /// Types without their keys: 128 keys of 256 bytes would not fit one frame of API Gateway (32 KB).
    package let eventTypes: [String]
    package let subscriptions: Int
    /// By what the log lines of the connection are found: for whoever asks about it.
    package let correlationID: CorrelationID?

    package init(
      connectionID: ConnectionID, principal: Principal, clientName: String?, dialect: Dialect,
      connectedAtMilliseconds: Int64, eventTypes: [String], subscriptions: Int, correlationID: CorrelationID?
    ) {
      self.connectionID = connectionID
      self.principal = principal
      self.clientName = clientName
      self.dialect = dialect
      self.connectedAtMilliseconds = connectedAtMilliseconds
      self.eventTypes = eventTypes
      self.subscriptions = subscriptions
      self.correlationID = correlationID
    }
  }

  /// So many streams are told of at most.
  private static let statusStreams = 40

  /// `positions`: where the connection is in each stream it follows.
  package static func status(_ status: Status, positions: [StreamPosition]) -> [UInt8] {
    JSONWriter.frame(.status) { writer in
      writer.member(Member.connectionID, status.connectionID.text)
      writer.member(Member.user, ifPresent: status.principal.user)
      writer.member(Member.role, ifPresent: status.principal.role?.rawValue)
      writer.member("clientId", ifPresent: status.clientName)
      writer.member("dialect", status.dialect.rawValue)
      writer.member("connectedAt", Timestamp.rfc3339(milliseconds: status.connectedAtMilliseconds))
      writer.member("correlationId", ifPresent: status.correlationID?.text)
      writer.member(Member.eventTypes, list: status.eventTypes)
      writer.member(Member.subscriptions, status.subscriptions)
      writer.key(Member.streams)
      writer.array { writer in
        for position in positions.prefix(statusStreams) {
          writer.object { writer in
            writer.member(Member.stream, position.stream)
            writer.member("last", position.last)
            writer.member("delivered", position.delivered)
          }
        }
      }
    }
  }

  /// `{"type":"error","code":…,"message":…,"requestId":…}`: what was wrong with a client's frame. The socket stays
  /// open.
  package static func error(code: String, message: String, requestID: String) -> [UInt8] {
    JSONWriter.frame(.error) { writer in
      writer.member(Member.code, code)
      writer.member(Member.message, message)
      writer.member("requestId", requestID)
    }
  }
}

/// The position of a connection in a stream.
package struct StreamPosition: Equatable, Sendable {
  package let stream: String
  /// Empty: the stream has no log.
  package let epoch: String
  /// The newest event there is.
  package let last: Int64
  /// Everything up to this one was delivered, as far as it is for this connection.
  package let delivered: Int64

  package init(stream: String, epoch: String, last: Int64, delivered: Int64) {
    self.stream = stream
    self.epoch = epoch
    self.last = last
    self.delivered = delivered
  }
}
