import JSON
import Messaging

/// Text for a screen. A literal stands as it is; every `String` that is interpolated is taken to come from outside and
/// is shown escaped, so that it can neither drive the screen, nor break its line, nor turn the direction of writing.
///
///     let key = "AAPL\n10:30:01.000  forged"
///     terminal.line("key \(key)")             // key AAPL\n10:30:01.000  forged
///
/// The escapes are those of JSON (`\n`, `\u202e`), so a JSON text that is shown stays one.
struct ScreenText: Equatable, ExpressibleByStringInterpolation {
  fileprivate(set) var text: String

  init(stringLiteral value: String) { text = value }

  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  /// A text of this program itself, which may have several lines.
  init(own text: String) { self.text = text }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { text += literal }

    mutating func appendInterpolation(_ outside: String) { text += ScreenText.escaped(outside) }

    mutating func appendInterpolation(_ outside: Substring) { text += ScreenText.escaped(String(outside)) }

    mutating func appendInterpolation(_ number: Int) { text += "\(number)" }

    mutating func appendInterpolation(_ own: ScreenText) { text += own.text }
  }

  static func + (left: ScreenText, right: ScreenText) -> ScreenText { ScreenText(own: left.text + right.text) }

  static func += (left: inout ScreenText, right: ScreenText) { left.text += right.text }

  // MARK: Escapes

  /// The one place where anything from outside is made fit to be shown.
  static func escaped(_ outside: String) -> String {
    if ControlCharacter.isPlain(outside.utf8) { return outside }
    var text = ""
    text.reserveCapacity(outside.utf8.count)
    for scalar in outside.unicodeScalars {
      if ControlCharacter.isHidden(scalar) { text += escape(scalar) } else { text.unicodeScalars.append(scalar) }
    }
    return text
  }

  /// Bytes that need not be UTF-8; what is not is shown as U+FFFD.
  static func escaped(_ outside: some Collection<UInt8>) -> String {
    escaped(String(decoding: outside, as: UTF8.self))
  }

  /// A text in one line, its line ends and tabs as spaces. A JSON text stays one: line ends stand only between its
  /// values, and whatever else is hidden only within strings, where the escape means the same.
  static func oneLine(_ outside: some Collection<UInt8>) -> String {
    if ControlCharacter.isPlain(outside) { return String(decoding: outside, as: UTF8.self) }
    return escaped(outside.map { $0 == 0x0A || $0 == 0x0D || $0 == 0x09 ? 0x20 : $0 })
  }

  /// RFC 8259, section 7: two halves of a surrogate pair for what lies above U+FFFF.
  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default: Unicode.UTF16.encode(scalar)!.map { "\\u" + hexadecimal($0) }.joined()
    }
  }

  private static func hexadecimal(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }
}

extension [ScreenText] {
  func joined(separator: ScreenText) -> ScreenText { ScreenText(own: map(\.text).joined(separator: separator.text)) }
}
