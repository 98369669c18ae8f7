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

/// Whether a name from outside may be used as it is: it has a length, and holds nothing that could forge a line where it
/// is shown or make it look like another name.
package enum Name {
  /// For refusals, after the number of bytes.
  package static let rule = "without control characters"

  /// `*` stands for a pattern in subscriptions.
  package static func isType(_ text: String) -> Bool {
    isName(text, maximumBytes: Limit.typeBytes) && !text.utf8.contains(UInt8(ascii: "*"))
  }

  package static func isKey(_ text: String) -> Bool { isName(text, maximumBytes: Limit.keyBytes) }

  package static func isUser(_ text: String) -> Bool { isName(text, maximumBytes: Limit.userBytes) }

  package static func isGroup(_ text: String) -> Bool { isName(text, maximumBytes: Limit.groupBytes) }

  /// Of correlation ids and idempotency keys.
  package static func isToken(_ text: String) -> Bool { isName(text, maximumBytes: Limit.correlationBytes) }

  private static func isName(_ text: String, maximumBytes: Int) -> Bool {
    (1...maximumBytes).contains(text.utf8.count) && holdsNoControls(text)
  }

  /// Also of texts that may be empty, such as the label of a key.
  package static func holdsNoControls(_ text: String) -> Bool {
    ControlCharacter.isPlain(text.utf8) || !text.unicodeScalars.contains(where: ControlCharacter.isForbiddenInNames)
  }
}
