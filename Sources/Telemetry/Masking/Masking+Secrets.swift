extension Masking {
  /// The value of something that is named like a secret: `password=x`, `"token":"x"`, `x-api-key: x`, also where JSON
  /// stands as text in JSON (`\"token\":\"x\"`). `value` is where it would begin.
  static func secret(_ text: Span<UInt8>, name: Range<Int>, assignment: Int, value start: Int) -> Match? {
    guard !name.isEmpty, assignment - name.upperBound <= 8,
      let kind = SensitiveName.kind(text, in: name)
    else { return nil }
    for offset in name.upperBound..<assignment where !isPadding(text[offset]) { return nil }
    var offset = start
    while offset < text.count, offset < start + 4, text[offset] == UInt8(ascii: " ") { offset += 1 }
    if offset < text.count, text[offset] == UInt8(ascii: "[") || text[offset] == UInt8(ascii: "{"),
      !isMark(text, offset: offset)
    {
      let inside = offset + 1..<containerEnd(text, start: offset)
      return inside.isEmpty ? nil : Match(range: inside, kind: kind)
    }
    let opening = openingQuote(text, start: offset)
    let range =
      opening > 0
      ? offset
        + opening..<quotedEnd(text, start: offset + opening, quote: text[offset + opening - 1], depth: opening - 1)
      : offset..<(SensitiveName.takesTheRest(text, name: name)
        ? lineEnd(text, start: offset) : bareEnd(text, start: offset))
    return range.isEmpty ? nil : Match(range: range, kind: kind)
  }

  /// What may stand between a name and its `:` or `=`.
  private static func isPadding(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: " ")
  }

  /// The length of the quote that opens a value, with the backslashes before it; 0: none does.
  private static func openingQuote(_ text: Span<UInt8>, start: Int) -> Int {
    var offset = start
    while offset < text.count, offset < start + 8, text[offset] == UInt8(ascii: "\\") { offset += 1 }
    guard offset < text.count, text[offset] == UInt8(ascii: "\"") || text[offset] == UInt8(ascii: "'") else { return 0 }
    return offset - start + 1
  }

  /// Where a quoted value ends: before the quote that closes it and the backslashes that belong to that.
  private static func quotedEnd(_ text: Span<UInt8>, start: Int, quote: UInt8, depth: Int) -> Int {
    var backslashes = 0
    for offset in start..<text.count {
      let byte = text[offset]
      if byte == quote {
        if depth == 0, backslashes % 2 == 0 { return offset }
        if depth > 0, backslashes <= depth { return offset - backslashes }
      }
      backslashes = byte == UInt8(ascii: "\\") ? backslashes + 1 : 0
    }
    return text.count
  }

  /// Whether what was masked before stands here.
  private static func isMark(_ text: Span<UInt8>, offset: Int) -> Bool {
    begins(text, start: offset, prefix: "[secret]") || begins(text, start: offset, prefix: "[email]")
      || begins(text, start: offset, prefix: "[phone]")
      || begins(text, start: offset, prefix: "[key]") || begins(text, start: offset, prefix: "[token]")
  }

  /// Where a list or an object ends that begins here: before the bracket that closes it, or with the text. What stands
  /// in quotes closes none.
  private static func containerEnd(_ text: Span<UInt8>, start: Int) -> Int {
    var depth = 0
    var isQuoted = false
    for offset in start..<text.count {
      switch text[offset] {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: "["), UInt8(ascii: "{"): if !isQuoted { depth += 1 }
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        if !isQuoted { depth -= 1 }
        if depth == 0 { return offset }
      default: break
      }
    }
    return text.count
  }

  private static func bareEnd(_ text: Span<UInt8>, start: Int) -> Int {
    var end = start
    while end < text.count {
      switch text[end] {
      case 0...0x20, UInt8(ascii: "&"), UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: ")"),
        UInt8(ascii: "}"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"):
        return end
      default: end += 1
      }
    }
    return end
  }

  /// `Authorization: Basic dTpw` and `Cookie: a=1; b=2` go on to the end of the line, or of what they are quoted in.
  private static func lineEnd(_ text: Span<UInt8>, start: Int) -> Int {
    var end = start
    while end < text.count, text[end] != 0x0A, text[end] != 0x0D, text[end] != UInt8(ascii: "\""),
      text[end] != UInt8(ascii: "\\")
    {
      end += 1
    }
    return end
  }
}

/// Names of what nobody may read in a log.
enum SensitiveName {
  /// Nil for any other name. What matters is the end, in any case: `clientSecret`, `X-Api-Key`, `DB_PASSWORD`.
  static func kind(_ text: Span<UInt8>, in name: Range<Int>) -> Masking.Kind? {
    guard let last = name.last else { return nil }
    func ends(_ keyword: StaticString) -> Bool { Self.ends(text, name: name, keyword: keyword) }
    func isWhole(_ keyword: StaticString) -> Bool { name.count == keyword.utf8CodeUnitCount && ends(keyword) }
    switch text[last] | 0x20 {
    case UInt8(ascii: "d"):
      return ends("password") || ends("passwd") || ends("pwd") || ends("sessionid") || ends("session_id")
        || ends("session-id") ? .secret : nil
    case UInt8(ascii: "e"):
      if ends("phone") || ends("mobile") { return .phone }
      return ends("passphrase") || ends("passcode") || ends("cookie") || ends("signature") ? .secret : nil
    case UInt8(ascii: "t"): return ends("secret") || ends("jwt") ? .secret : nil
    case UInt8(ascii: "n"): return ends("token") || ends("authorization") || isWhole("session") ? .secret : nil
    case UInt8(ascii: "y"): return isKey(text, name: name) ? .secret : nil
    case UInt8(ascii: "h"): return isWhole("auth") || ends("-auth") || ends("_auth") ? .secret : nil
    case UInt8(ascii: "s"): return isWhole("pass") ? .secret : plural(text, name: name)
    case UInt8(ascii: "p"): return isWhole("otp") ? .secret : nil
    case UInt8(ascii: "l"):
      if ends("email") || ends("e-mail") { return .email }
      if isWhole("tel") { return .phone }
      return ends("credential") ? .secret : nil
    case UInt8(ascii: "r"):
      return ends("phonenumber") || ends("phone_number") || ends("phone-number") ? .phone : nil
    default: return nil
    }
  }

  /// Several of them are as secret as one: `passwords`, `apiKeys`, `credentials`.
  private static func plural(_ text: Span<UInt8>, name: Range<Int>) -> Masking.Kind? {
    let one = name.dropLast()
    guard let last = one.last, text[last] | 0x20 != UInt8(ascii: "s") else { return nil }
    return kind(text, in: one)
  }

  static func takesTheRest(_ text: Span<UInt8>, name: Range<Int>) -> Bool {
    ends(text, name: name, keyword: "authorization") || ends(text, name: name, keyword: "cookie")
  }

  /// `apiKey`, `api_key`, `api-key` and so on; a `key` alone is that of an event.
  private static func isKey(_ text: Span<UInt8>, name: Range<Int>) -> Bool {
    guard ends(text, name: name, keyword: "key") else { return false }
    var front = name.dropLast(3)
    if let last = front.last, text[last] == UInt8(ascii: "_") || text[last] == UInt8(ascii: "-") {
      front = front.dropLast()
    }
    return ends(text, name: front, keyword: "api") || ends(text, name: front, keyword: "access")
      || ends(text, name: front, keyword: "secret")
      || ends(text, name: front, keyword: "private")
  }

  private static func ends(_ text: Span<UInt8>, name: Range<Int>, keyword: StaticString) -> Bool {
    let length = keyword.utf8CodeUnitCount
    return name.count >= length
      && Masking.begins(text, start: name.upperBound - length, prefix: keyword, ignoringCase: true)
  }
}
