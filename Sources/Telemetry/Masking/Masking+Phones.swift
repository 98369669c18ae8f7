extension Masking {
  /// A phone number that begins here, as people write them: `+49 170 1234567`, `+1 (555) 123-4567`,
  /// `0041 79 123 45 67`, `0170/1234567`, `(555) 123-4567`, `555-123-4567`.
  ///
  /// Dates, addresses, identifiers and counts are none: digits alone are a number only with a `+` or a zero in front.
  static func phone(_ text: Span<UInt8>, start: Int) -> Match? {
    let groups = DigitGroups(text: text, start: start)
    guard groups.count > 0, let digits = groups.isPhone(text, start: start) else { return nil }
    let end = groups.ends[digits - 1]
    // A word goes on: `+1234567s`, `0123456-89ab`.
    if end < text.count, isLetter(text[end]) { return nil }
    return Match(range: start..<end, kind: .phone)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || byte == UInt8(ascii: "_") || byte >= 0x80
  }
}

/// Groups of digits with one or two separators between them, at most eight groups and fifteen digits, as E.164 has it.
private struct DigitGroups {
  /// The digits of each.
  var lengths: InlineArray<8, Int> = .init(repeating: 0)
  /// Where each ends.
  var ends: InlineArray<8, Int> = .init(repeating: 0)
  var count = 0
  var digits = 0
  /// A single `-`, `.` or space stands between any two.
  var isEven = true
  private var separator: UInt8?

  static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  init(text: Span<UInt8>, start: Int) {
    var offset = start
    if text[offset] == UInt8(ascii: "+") || text[offset] == UInt8(ascii: "(") { offset += 1 }
    while count < 8 {
      let first = offset
      while offset < text.count, Self.isDigit(text[offset]), offset - first < 16 { offset += 1 }
      guard offset > first, digits + offset - first <= 15 else { return }
      lengths[count] = offset - first
      ends[count] = offset
      digits += offset - first
      count += 1
      let gap = offset
      while offset < text.count, offset - gap < 2, Self.isSeparator(text[offset]) { offset += 1 }
      guard offset > gap, offset < text.count, Self.isDigit(text[offset]) else { return }
      record(text, gap: gap..<offset)
    }
  }

  private mutating func record(_ text: Span<UInt8>, gap: Range<Int>) {
    let byte = text[gap.lowerBound]
    if gap.count > 1 || byte == UInt8(ascii: "/") || separator != nil && separator != byte { isEven = false }
    separator = byte
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "("),
      UInt8(ascii: ")"):
      true
    default: false
    }
  }

  /// How many groups from the first on are a phone number, nil if none is.
  func isPhone(_ text: Span<UInt8>, start: Int) -> Int? {
    let first = text[start]
    if first == UInt8(ascii: "+") { return digits >= 7 ? count : nil }
    if first == UInt8(ascii: "(") {
      let isClosed = ends[0] < text.count && text[ends[0]] == UInt8(ascii: ")")
      return isClosed && (2...5).contains(lengths[0]) && count > 1 && digits >= 7 ? count : nil
    }
    if first == UInt8(ascii: "0") { return isNational(text, start: start) ? count : nil }
    return american(text, start: start)
  }

  /// `0170 1234567`, `00491701234567`; `000000001266` is a number with zeros before it, `0.5` one with a point.
  private func isNational(_ text: Span<UInt8>, start: Int) -> Bool {
    guard lengths[0] >= 3, digits >= 9 else { return false }
    if text[start + 1] != UInt8(ascii: "0") { return lengths[0] <= 5 || digits <= 12 }
    return text[start + 2] != UInt8(ascii: "0") && digits >= 10
  }

  /// `555-123-4567`, also with `1-` before it.
  private func american(_ text: Span<UInt8>, start: Int) -> Int? {
    let country = lengths[0] == 1 && text[start] == UInt8(ascii: "1") ? 1 : 0
    guard count >= country + 3, isEven, lengths[country] == 3, lengths[country + 1] == 3, lengths[country + 2] == 4
    else { return nil }
    return country + 3
  }
}
