extension Masking {
  private static let keyPrefix: StaticString = "tt_"
  private static let webTokenPrefix: StaticString = "eyJ"

  /// A key for the API: `tt_` and at least twelve more.
  static func key(_ text: Span<UInt8>, start: Int) -> Match? {
    guard begins(text, start: start, prefix: keyPrefix) else { return nil }
    let end = tokenEnd(text, start: start)
    return end - start >= 15 ? Match(range: start..<end, kind: .key) : nil
  }

  /// A JSON Web Token or a part of one: `eyJ` is how `{"` begins in base64url.
  static func webToken(_ text: Span<UInt8>, start: Int) -> Match? {
    guard begins(text, start: start, prefix: webTokenPrefix) else { return nil }
    let end = tokenEnd(text, start: start)
    return end - start >= 16 ? Match(range: start..<end, kind: .token) : nil
  }

  /// A private key in its textual encoding (RFC 7468): all of it, also if its end is missing.
  static func privateKey(_ text: Span<UInt8>, start: Int) -> Match? {
    guard begins(text, start: start, prefix: "-----begin ", ignoringCase: true) else { return nil }
    let label = start + 11
    guard let dashes = find("-----", in: text, from: label),
      begins(text, start: dashes - 11, prefix: "private key", ignoringCase: true)
    else { return nil }
    let content = dashes + 5
    guard let end = find("-----end", in: text, from: content) else {
      return Match(range: start..<text.count, kind: .secret)
    }
    return Match(range: start..<(find("-----", in: text, from: end + 8).map { $0 + 5 } ?? text.count), kind: .secret)
  }

  /// In any case.
  private static func find(_ keyword: StaticString, in text: Span<UInt8>, from start: Int) -> Int? {
    var offset = start
    while offset + keyword.utf8CodeUnitCount <= text.count {
      if begins(text, start: offset, prefix: keyword, ignoringCase: true) { return offset }
      offset += 1
    }
    return nil
  }

  /// `Bearer …` and `Basic …`, as in `Authorization` and in the pair of subprotocols.
  static func credentials(_ text: Span<UInt8>, start: Int) -> Match? {
    let name = start + schemeLength(text, start: start)
    let offset = name > start ? gapEnd(text, start: name) : start
    guard offset > name else { return nil }
    let end = credentialsEnd(text, start: offset)
    return isCredential(text, range: offset..<end) ? Match(range: offset..<end, kind: .token) : nil
  }

  /// 0 if no scheme is named here.
  private static func schemeLength(_ text: Span<UInt8>, start: Int) -> Int {
    if begins(text, start: start, prefix: "bearer", ignoringCase: true) { return 6 }
    if begins(text, start: start, prefix: "basic", ignoringCase: true) { return 5 }
    return 0
  }

  /// Passes what may stand between the scheme and the token, as in `Bearer x`, `bearer, x`, `Bearer%20x`,
  /// `"bearer":"x"`.
  private static func gapEnd(_ text: Span<UInt8>, start: Int) -> Int {
    if begins(text, start: start, prefix: "%20") { return start + 3 }
    var offset = start
    while offset < text.count, offset < start + 4 {
      switch text[offset] {
      case UInt8(ascii: " "), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "\""), 0x09:
        offset += 1
      default: return offset
      }
    }
    return offset
  }

  /// Base64 has `/` and `=` beside the characters of words.
  private static func credentialsEnd(_ text: Span<UInt8>, start: Int) -> Int {
    var end = start
    while end < text.count, isTokenByte(text[end]) || text[end] == UInt8(ascii: "/") || text[end] == UInt8(ascii: "=") {
      end += 1
    }
    return end
  }

  /// "bearer token" and "basic authentication" are plain speech: lower-case words of less than 20 letters.
  private static func isCredential(_ text: Span<UInt8>, range: Range<Int>) -> Bool {
    if range.count >= 20 { return true }
    for offset in range where !(UInt8(ascii: "a")...UInt8(ascii: "z") ~= text[offset]) { return range.count >= 4 }
    return false
  }

  static func tokenEnd(_ text: Span<UInt8>, start: Int) -> Int {
    var end = start
    while end < text.count, isTokenByte(text[end]) { end += 1 }
    return end
  }

  /// Whether lower-case letters stand at a place.
  static func begins(
    _ text: Span<UInt8>, start: Int, prefix: StaticString, ignoringCase: Bool = false
  ) -> Bool {
    guard start >= 0, text.count - start >= prefix.utf8CodeUnitCount else { return false }
    for offset in 0..<prefix.utf8CodeUnitCount {
      let byte = text[start + offset]
      let isUpper = ignoringCase && UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
      if (isUpper ? byte | 0x20 : byte) != prefix.utf8Start[offset] { return false }
    }
    return true
  }
}
