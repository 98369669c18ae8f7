import TestSupport

/// Makes values and texts by chance; the same seed makes the same ones.
struct JSONGenerator: RandomNumberGenerator {
  private var numbers: SeededGenerator

  init(seed: UInt64) { numbers = SeededGenerator(seed) }

  mutating func next() -> UInt64 { numbers.next() }

  mutating func tree(depth: Int = 4) -> JSONTree {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &self) {
    case 0: .null
    case 1: .boolean(Bool.random(using: &self))
    case 2: .number(number())
    case 3, 4: .string(string())
    case 5: .array((0..<Int.random(in: 0...4, using: &self)).map { _ in tree(depth: depth - 1) })
    default: .object(members(depth: depth - 1))
    }
  }

  private mutating func members(depth: Int) -> [JSONTree.Member] {
    (0..<Int.random(in: 0...4, using: &self)).map { place in
      JSONTree.Member(key: "\(place)" + string(), value: tree(depth: depth))
    }
  }

  private mutating func string() -> String {
    let alphabet: [Unicode.Scalar] = [
      "a", "Z", " ", "\"", "\\", "/", "\n", "\r", "\t", "\0", "\u{1F}", "\u{7F}", "é", "ß", "\u{7FF}", "€", "\u{FFFF}",
      "\u{1D11E}", "\u{10FFFF}", "{", "}", "[", "]", ",", ":", "\u{2028}",
    ]
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...12, using: &self) { text.append(alphabet.randomElement(using: &self)!) }
    return String(text)
  }

  private mutating func number() -> [UInt8] {
    let texts = [
      "0", "-0", "152.50", "1234567890123456789", "1e5", "-2.5E-3", "0.000", "6.02e+23", "-9223372036854775808",
    ]
    if Bool.random(using: &self) { return Array(texts.randomElement(using: &self)!.utf8) }
    return Array(String(Int64.random(in: -1_000_000...1_000_000, using: &self)).utf8)
  }

  /// `text` with white space by chance wherever the grammar allows it.
  mutating func spaced(_ text: [UInt8]) -> [UInt8] {
    var spaced: [UInt8] = []
    var inString = false
    var escaped = false
    for byte in text {
      let isQuote = byte == UInt8(ascii: "\"") && !escaped
      let isMark = !inString && "{}[]:,".utf8.contains(byte)
      if isMark { appendSpace(to: &spaced) }
      spaced.append(byte)
      if isMark { appendSpace(to: &spaced) }
      escaped = inString && byte == UInt8(ascii: "\\") && !escaped
      if isQuote { inString.toggle() }
    }
    return spaced
  }

  private mutating func appendSpace(to text: inout [UInt8]) {
    let spaces: [UInt8] = [0x20, 0x0A, 0x0D, 0x09]
    for _ in 0..<Int.random(in: 0...2, using: &self) { text.append(spaces.randomElement(using: &self)!) }
  }
}
