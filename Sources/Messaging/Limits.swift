/// The bounds of what comes from outside, in bytes of UTF-8 unless a label says otherwise.
package enum Limit {
  package static let typeBytes = 128
  package static let groupBytes = 128
  package static let keyBytes = 256
  package static let userBytes = 256
  package static let correlationBytes = 256
  /// One event as the publisher wrote it.
  package static let eventBytes = 96 * 1024
  /// Levels of nesting of one event: a batch or a snapshot of events is still less deep than `JSONReader` reads.
  package static let eventDepth = 64
  package static let groups = 32
}

/// The names that an application's event type may not take: a client would mistake such an event for an answer.
package enum ControlType {
  package static func isReserved(_ name: String) -> Bool {
    switch name {
    case "connection", "resume", "ready", "snapshot", "batch", "gzip", "part", "heartbeat", "rotate", "error": true
    case "hello", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "ping", "pong", "status": true
    default: false
    }
  }
}

/// Whether a name from outside may be used as it is.
package enum Name {
  /// A type travels in one line of an SSE frame, so a control character in it could forge another field; `*` stands for
  /// a pattern in subscriptions.
  package static func isType(_ text: String) -> Bool {
    (1...Limit.typeBytes).contains(text.utf8.count)
      && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "*") }
  }

  /// Any text at all, quotes, line feeds and NUL too.
  package static func isKey(_ text: String) -> Bool { (1...Limit.keyBytes).contains(text.utf8.count) }

  package static func isUser(_ text: String) -> Bool { (1...Limit.userBytes).contains(text.utf8.count) }

  package static func isGroup(_ text: String) -> Bool { (1...Limit.groupBytes).contains(text.utf8.count) }
}
