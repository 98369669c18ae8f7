import Crypto
import Messaging

/// What an event lays claim to in its stream, so that it stands there once: a name, and which content took it.
///
/// An idempotency key that a publisher gave is that publisher's word: another content under it is refused. A key that
/// was made for a message is nobody's word. An event of another content then lays claim to the key together with its
/// content, so that it is published, and is still known when its message comes again:
///
///     message "a", content 1    claims "a"                     appended
///     message "a", content 2    finds "a" taken, claims "a", 2 appended despite the key
///     message "a", content 2    finds "a" taken, and "a", 2    known
struct EventClaim {
  private enum Kind { case given, message, content }

  /// What the row's key is made of. The keys of messages begin with a NUL, which no publisher's key holds.
  let name: String
  /// Of what the publisher said; what was given to the event on its way is not part of it.
  let digest: [UInt8]
  private let kind: Kind

  private init(_ kind: Kind, name: String, digest: [UInt8]) {
    self.name = name
    self.digest = digest
    self.kind = kind
  }

  /// Nil for an event without any key: it stands for itself however often it comes.
  init?(of event: Event) {
    if let key = event.idempotencyKey {
      self.init(.given, name: key, digest: Self.digest(of: event))
    } else if let key = event.messageKey {
      self.init(.message, name: "\u{0}\(key)", digest: Self.digest(of: event))
    } else {
      return nil
    }
  }

  /// What is claimed where the name belongs to an event of other content; nil where that refuses the event.
  var beside: EventClaim? {
    guard kind == .message else { return nil }
    return EventClaim(.content, name: "\(name)\u{0}\(Base64URL.encode(digest))", digest: digest)
  }

  var isBeside: Bool { kind == .content }

  func refusal(holder: String) -> EventRefusal {
    EventRefusal(
      code: .keyTaken, message: "the idempotency key \"\(name.prefix(64))\" belongs to \(holder) with other content")
  }

  /// 16 bytes of SHA-256 over what makes an event the same one. Not its time: a publisher that gives none gets another
  /// each time.
  private static func digest(of event: Event) -> [UInt8] {
    var writer = FieldWriter(reservingBytes: event.data.count + 256)
    writer.text(event.type)
    writer.text(event.key.map { "k\($0)" } ?? "")
    writer.text(event.priority?.rawValue ?? "")
    writer.text(event.correlationID.map { "c\($0)" } ?? "")
    writer.field(event.data)
    if !event.members.isEmpty { writer.field(event.members) }
    return Array(SHA256.hash(writer.bytes).bytes.prefix(16))
  }
}
