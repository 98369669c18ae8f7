/// Characters that drive a screen or a reader instead of standing for something.
package enum ControlCharacter {
  /// What no name may hold: the controls C0, DEL and C1 (Unicode category Cc), the separators of lines and paragraphs
  /// (U+2028, U+2029), and what turns the direction of writing (UAX #9: U+061C, U+200E, U+200F, U+202A to U+202E,
  /// U+2066 to U+2069), so that one name looks like another.
  ///
  /// Joiners (U+200C, U+200D) are allowed: Persian, Hindi and emoji are written with them.
  package static func isForbiddenInNames(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x7F ? isSeparator(scalar) || scalar.properties.isBidiControl : scalar.value < 0x20
  }

  /// What a screen is not to be shown as it is: the above, and every other character without a shape of its own
  /// (category Cf), such as joiners, the byte order mark and language tags.
  package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x7F ? isSeparator(scalar) || scalar.properties.generalCategory == .format : scalar.value < 0x20
  }

  /// The beginning of a text from outside, as it may stand in a message: what is hidden as `\u{202E}`.
  package static func shown(_ text: String, maximumCharacters: Int) -> String {
    var shown = ""
    for scalar in text.unicodeScalars.prefix(maximumCharacters) {
      if isHidden(scalar) { shown += "\\u{\(hexadecimal(scalar))}" } else { shown.unicodeScalars.append(scalar) }
    }
    return text.unicodeScalars.count > maximumCharacters ? shown + "…" : shown
  }

  private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
    String(scalar.value, radix: 16, uppercase: true)
  }

  private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }

  /// Nearly every text is printable ASCII, which needs no tables.
  package static func isPlain(_ bytes: some Sequence<UInt8>) -> Bool { bytes.allSatisfy { 0x20..<0x7F ~= $0 } }
}
