/// Text as it may stand in a log: e-mail addresses, phone numbers, keys, tokens, and whatever bears the name of a
/// secret, are put out of sight.
///
///     Masking.masked("joe@example.com called, Authorization: Bearer eyJhbGciOi…")
///     // "[email] called, Authorization: [secret]"
///
/// It goes over the bytes once, whatever they are. It would rather hide a word too much than show a secret: a log is
/// read by more people than what it speaks of.
package enum Masking {
  /// What was found, and what stands in its place.
  enum Kind {
    case email, phone, key, token, secret

    var text: String {
      switch self {
      case .email: "[email]"
      case .phone: "[phone]"
      case .key: "[key]"
      case .token: "[token]"
      case .secret: "[secret]"
      }
    }
  }

  struct Match {
    let range: Range<Int>
    let kind: Kind
  }

  /// The text with everything masked; nil if there is nothing to mask.
  package static func masked(_ text: String) -> String? {
    let bytes = text.utf8Span.span
    guard var match = next(in: bytes, from: 0) else { return nil }
    var masked: [UInt8] = []
    masked.reserveCapacity(bytes.count)
    var copied = 0
    while true {
      for offset in copied..<match.range.lowerBound { masked.append(bytes[offset]) }
      masked.append(contentsOf: match.kind.text.utf8)
      copied = match.range.upperBound
      guard let following = next(in: bytes, from: copied) else { break }
      match = following
    }
    for offset in copied..<bytes.count { masked.append(bytes[offset]) }
    return String(decoding: masked, as: UTF8.self)
  }

  /// What stands for the text of a field of that name: the name alone may say that it is a secret.
  package static func masked(_ text: String, named name: String) -> String? {
    let bytes = name.utf8Span.span
    if !text.isEmpty, let kind = SensitiveName.kind(bytes, in: 0..<bytes.count) { return kind.text }
    return masked(text)
  }

  // MARK: Searching

  /// The first thing to mask at or after `start`, where a word begins.
  static func next(in text: Span<UInt8>, from start: Int) -> Match? {
    var offset = start
    var tokenStart = start
    // The word before the one at hand, which a `:` or `=` may make the name of what follows.
    var name = start..<start
    // After `://`, where a password may stand.
    var authority: Int?
    if let match = atTokenStart(text, offset: start) { return match }
    while offset < text.count {
      let byte = text[offset]
      if isTokenByte(byte) {
        offset &+= 1
        continue
      }
      if tokenStart < offset { name = tokenStart..<offset }
      let separator = Separator(text: text, offset: offset)
      switch separator.kind {
      case .at:
        if let match = email(text, start: authority ?? tokenStart, offset: offset, domain: offset + separator.length) {
          return match
        }
      case .assignment:
        if let match = secret(text, name: name, assignment: offset, value: offset + separator.length) { return match }
      case .slash: authority = begins(text, start: offset - 2, prefix: "://") ? offset + 1 : nil
      case .end: authority = nil
      case .other: break
      }
      offset += separator.length
      tokenStart = offset
      if let match = atTokenStart(text, offset: offset) { return match }
    }
    return nil
  }

  /// Letters, digits, `+-._~` and everything beyond ASCII: what a name, the front of an e-mail address, and a token are
  /// made of.
  @inline(__always)
  static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"), 0x80...0xFF:
      true
    default: false
    }
  }

  /// What stands between words; three bytes where it is percent-encoded.
  private struct Separator {
    enum Kind { case at, assignment, slash, end, other }

    let kind: Kind
    let length: Int

    @inline(__always)
    init(text: Span<UInt8>, offset: Int) {
      var byte = text[offset]
      var length = 1
      if byte == UInt8(ascii: "%"), offset + 2 < text.count,
        let decoded = Self.decoded(text[offset + 1], low: text[offset + 2])
      {
        (byte, length) = (decoded, 3)
      }
      switch byte {
      case UInt8(ascii: "@"): kind = .at
      case UInt8(ascii: "="), UInt8(ascii: ":"): kind = .assignment
      case UInt8(ascii: "/"): kind = .slash
      case 0...0x20, UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "\""), UInt8(ascii: ","): kind = .end
      default: kind = .other
      }
      self.length = length
    }

    private static func decoded(_ high: UInt8, low: UInt8) -> UInt8? {
      guard let high = hexadecimal(high), let low = hexadecimal(low) else { return nil }
      return high << 4 | low
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
      default: nil
      }
    }
  }

  /// What shows itself by how it begins.
  @inline(__always)
  private static func atTokenStart(_ text: Span<UInt8>, offset: Int) -> Match? {
    guard offset < text.count else { return nil }
    switch text[offset] {
    case UInt8(ascii: "t"): return key(text, start: offset)
    case UInt8(ascii: "e"): return webToken(text, start: offset)
    case UInt8(ascii: "b"), UInt8(ascii: "B"): return credentials(text, start: offset)
    case UInt8(ascii: "-"): return privateKey(text, start: offset)
    case UInt8(ascii: "+"), UInt8(ascii: "("), UInt8(ascii: "0")...UInt8(ascii: "9"): return phone(text, start: offset)
    default: return nil
    }
  }

  /// `joe@example.com`; the front may be missing a little where it holds other characters than those of words.
  private static func email(_ text: Span<UInt8>, start: Int, offset: Int, domain: Int) -> Match? {
    guard start < offset else { return nil }
    var end = domain
    while end < text.count, isTokenByte(text[end]) { end += 1 }
    // The full stop of a sentence.
    while end > domain, text[end - 1] == UInt8(ascii: ".") { end -= 1 }
    return end > domain ? Match(range: start..<end, kind: .email) : nil
  }
}
