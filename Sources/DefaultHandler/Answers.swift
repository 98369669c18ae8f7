import Connections
import EventLog
import Frames
import JSON
import Messaging
import Telemetry

// The frames this handler answers with.
extension Frame {
  /// The acknowledgement of `subscribe` and `unsubscribe`: what of it was done, what was refused, and how many
  /// subscriptions the connection holds now.
  static func changed(
    _ type: String, request: SubscriptionRequest, refused: [SubscriptionRequest.Refusal],
    subscriptions: Subscriptions, count: Int64?
  ) -> [UInt8] {
    object { writer in
      writer.member("type", type)
      if let count { writer.member("n", count) }
      let names = request.names.filter { name in !refused.contains { $0.name.hasSameBytes(as: name) } }
      writer.member("eventTypes", list: names)
      if !request.keys.isEmpty { writer.member("keys", list: request.keys) }
      if !refused.isEmpty { writer.member("refused", refused: refused) }
      writer.member("subscriptions", subscriptions.active.count)
    }
  }

  /// `cursor`: everything up to it was delivered.
  static func pong(count: Int64?, cursor: String?, milliseconds: Int64) -> [UInt8] {
    object { writer in
      writer.member("type", "pong")
      if let count { writer.member("n", count) }
      writer.member("cursor", ifPresent: cursor)
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: milliseconds))
    }
  }

  static func connection(
    record: ConnectionRecord, refused: [SubscriptionRequest.Refusal], replay: Int64, milliseconds: Int64
  ) -> [UInt8] {
    object { writer in
      writer.member("type", "connection")
      writer.member("status", "connected")
      writer.member("connectionId", record.id.text)
      writer.member("userId", ifPresent: record.principal.user)
      writer.member("role", ifPresent: record.principal.role?.rawValue)
      writer.member("replay", replay)
      writer.member("subscriptions", record.subscriptions.active.count)
      if !refused.isEmpty { writer.member("refused", refused: refused) }
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: milliseconds))
    }
  }

  /// What came of a cursor.
  static func resume(_ recovery: Recovery, replay: Int64) -> [UInt8] {
    object { writer in
      writer.member("type", "resume")
      writer.member("replay", replay)
      writer.optional("from", text: recovery.from)
      writer.member("to", recovery.cursor.text)
      writer.member("recovered", recovery.extent.rawValue)
      writer.optional("missed", number: recovery.missed)
      writer.optional("reason", text: recovery.reason?.rawValue)
      let lost = recovery.parts.filter { $0.extent != nil && $0.extent != .all }
      if !lost.isEmpty { writer.member("streams", parts: lost) }
    }
  }

  /// The state of a stream as of an event; `hasMore`: another frame goes on with it.
  static func snapshot(
    stream: String, through sequence: Int64, events: ArraySlice<[UInt8]>, replay: Int64?, hasMore: Bool
  ) -> [UInt8] {
    object { writer in
      writer.member("type", "snapshot")
      if let replay { writer.member("replay", replay) }
      writer.member("stream", stream)
      writer.member("seq", sequence)
      if hasMore { writer.member("more", true) }
      writer.key("events")
      writer.array { writer in
        for event in events { writer.raw(event) }
      }
    }
  }

  static func ready(replay: Int64, cursor: Cursor) -> [UInt8] {
    object { writer in
      writer.member("type", "ready")
      writer.member("replay", replay)
      writer.member("cursor", cursor.text)
    }
  }

  /// Types without their keys: 128 keys of 256 bytes would not fit one frame of API Gateway (32 KB).
  /// `standings`: where it is in each stream it follows, the first few of them.
  static func status(record: ConnectionRecord, positions: [RecoveryReader.StreamPosition]) -> [UInt8] {
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
      writer.member("eventTypes", list: names)
      writer.member("subscriptions", record.subscriptions.active.count)
      writer.key("streams")
      writer.array { writer in
        for one in positions.prefix(40) {
          writer.object { writer in
            writer.member("stream", one.stream)
            writer.member("last", one.last)
            writer.member("delivered", one.delivered)
          }
        }
      }
    }
  }

  private static func object(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    writer.object(members)
    return writer.bytes
  }
}

extension JSONWriter {
  fileprivate mutating func optional(_ name: String, text: String?) {
    key(name)
    if let text { string(text) } else { null() }
  }

  fileprivate mutating func optional(_ name: String, number: Int64?) {
    key(name)
    if let number { integer(number) } else { null() }
  }

  fileprivate mutating func member(_ name: String, parts: [Recovery.Part]) {
    key(name)
    array { writer in
      for part in parts {
        writer.object { writer in
          writer.member("stream", part.stream)
          writer.member("recovered", (part.extent ?? .all).rawValue)
          writer.optional("missed", number: part.missed)
          writer.optional("reason", text: part.reason?.rawValue)
        }
      }
    }
  }

  fileprivate mutating func member(_ name: String, list: [String]) {
    key(name)
    array { writer in
      for text in list { writer.string(text) }
    }
  }

  fileprivate mutating func member(_ name: String, refused: [SubscriptionRequest.Refusal]) {
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
