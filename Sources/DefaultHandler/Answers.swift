import JSON
import Messaging
import Streams
import Telemetry

// The frames this handler answers with.
extension Frame {
  /// The acknowledgement of `subscribe` and `unsubscribe`: what of it was done, what was refused, and how many
  /// subscriptions the connection holds now.
  static func changed(
    _ type: String, _ request: SubscriptionRequest, _ refused: [SubscriptionRequest.Refusal],
    _ subscriptions: Subscriptions, count: Int64?
  ) -> [UInt8] {
    object { writer in
      writer.member("type", type)
      if let count { writer.member("n", count) }
      let names = request.names.filter { name in !refused.contains { $0.name.hasSameBytes(as: name) } }
      writer.member("eventTypes", names)
      if !request.keys.isEmpty { writer.member("keys", request.keys) }
      if !refused.isEmpty { writer.member("refused", refused) }
      writer.member("subscriptions", subscriptions.active.count)
    }
  }

  static func pong(count: Int64?, milliseconds: Int64) -> [UInt8] {
    object { writer in
      writer.member("type", "pong")
      if let count { writer.member("n", count) }
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: milliseconds))
    }
  }

  static func connection(_ record: ConnectionRecord, replay: Int64, milliseconds: Int64) -> [UInt8] {
    object { writer in
      writer.member("type", "connection")
      writer.member("status", "connected")
      writer.member("connectionId", record.id.text)
      writer.member("userId", ifPresent: record.principal.user)
      writer.member("role", ifPresent: record.principal.role?.rawValue)
      writer.member("replay", replay)
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: milliseconds))
    }
  }

  /// The answer to a cursor that cannot be read.
  static func resumeUnknown(replay: Int64) -> [UInt8] {
    object { writer in
      writer.member("type", "resume")
      writer.member("replay", replay)
      writer.key("from")
      writer.null()
      writer.key("to")
      writer.null()
      writer.member("recovered", "none")
      writer.key("missed")
      writer.null()
      writer.member("reason", "unknown")
    }
  }

  static func ready(replay: Int64) -> [UInt8] {
    object { writer in
      writer.member("type", "ready")
      writer.member("replay", replay)
    }
  }

  /// Types without their keys: 128 keys of 256 bytes would not fit one frame of API Gateway (32 KB).
  static func status(_ record: ConnectionRecord) -> [UInt8] {
    var names: [String] = []
    for entry in record.subscriptions.active {
      let name = entry.shownAs ?? entry.type
      if !names.contains(where: { $0.hasSameBytes(as: name) }) { names.append(name) }
    }
    return object { writer in
      writer.member("type", "status")
      writer.member("connectionId", record.id.text)
      writer.member("userId", ifPresent: record.principal.user)
      writer.member("role", ifPresent: record.principal.role?.rawValue)
      writer.member("clientId", ifPresent: record.clientName)
      writer.member("dialect", record.dialect.rawValue)
      writer.member("connectedAt", Timestamp.rfc3339(milliseconds: record.connectedAtMilliseconds))
      writer.member("eventTypes", names)
      writer.member("subscriptions", record.subscriptions.active.count)
    }
  }

  private static func object(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    writer.object(members)
    return writer.bytes
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, _ list: [String]) {
    key(name)
    array { writer in
      for text in list { writer.string(text) }
    }
  }

  fileprivate mutating func member(_ name: String, _ refused: [SubscriptionRequest.Refusal]) {
    key(name)
    array { writer in
      for refusal in refused {
        writer.object { writer in
          writer.member("name", refusal.name)
          writer.member("code", refusal.code.rawValue)
          writer.member("message", refusal.message)
        }
      }
    }
  }
}
