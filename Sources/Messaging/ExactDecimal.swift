/// A number as it is written in decimal. Sums and products are exact; what cannot be is refused, never rounded.
///
/// Money is no binary fraction: `0.1 + 0.2` is `0.3` here. The digits after the point stay as they were written, and a product
/// has those of both factors:
///
///     try ExactDecimal("10").times(ExactDecimal("152.50"))      // 1525.00
///     try ExactDecimal("0.1").plus(ExactDecimal("0.2"))         // 0.3
///     try ExactDecimal("1e400")                                 // refused: out of range
///
/// What is read has at most 18 significant digits; 38 are calculated with, so that a product of two numbers is exact too.
package struct ExactDecimal: Sendable {
  /// The number without its point.
  let coefficient: Int128
  /// How many of its digits stand after the point.
  let scale: Int

  package static let significantDigits = 18
  private static let largestScale = 38

  /// Why a text is no number, or a result none that is exact.
  package enum Fault: String, Error {
    case notANumber = "is not a number"
    case tooManyDigits = "has more than 18 significant digits"
    case outOfRange = "is out of range"
  }

  private init(_ coefficient: Int128, scale: Int) {
    (self.coefficient, self.scale) = (coefficient, scale)
  }

  package static let zero = ExactDecimal(0, scale: 0)

  // MARK: Reading

  /// A number as JSON writes it (RFC 8259, section 6), below 10^18 and with at most 18 digits after the point.
  package init(_ text: some Sequence<UInt8>) throws(Fault) {
    var digits = DecimalDigits(Array(text))
    guard let number = digits.read() else { throw .notANumber }
    guard number.significant <= Self.significantDigits else { throw .tooManyDigits }
    guard (-36...36).contains(number.exponent) else { throw .outOfRange }
    let scale = number.fraction - number.exponent
    guard scale <= Self.significantDigits, let raised = Self.raised(number.coefficient, by: max(0, -scale)),
      raised.magnitude < 1_000_000_000_000_000_000 || scale > 0
    else { throw .outOfRange }
    self.init(raised, scale: max(0, scale))
  }

  package init(_ text: String) throws(Fault) { try self.init(Array(text.utf8)) }

  // MARK: Calculating

  package func plus(_ other: ExactDecimal) throws(Fault) -> ExactDecimal {
    let scale = max(scale, other.scale)
    guard let left = Self.raised(coefficient, by: scale - self.scale),
      let right = Self.raised(other.coefficient, by: scale - other.scale),
      case (let sum, false) = left.addingReportingOverflow(right)
    else { throw .outOfRange }
    return ExactDecimal(sum, scale: scale)
  }

  package func minus(_ other: ExactDecimal) throws(Fault) -> ExactDecimal {
    try plus(ExactDecimal(-other.coefficient, scale: other.scale))
  }

  package func times(_ other: ExactDecimal) throws(Fault) -> ExactDecimal {
    guard scale + other.scale <= Self.largestScale,
      case (let product, false) = coefficient.multipliedReportingOverflow(by: other.coefficient)
    else { throw .outOfRange }
    return ExactDecimal(product, scale: scale + other.scale)
  }

  /// Nil: it would have more than 38 digits.
  private static func raised(_ coefficient: Int128, by count: Int) -> Int128? {
    guard coefficient != 0 else { return 0 }
    var result = coefficient
    for _ in 0..<count {
      let (next, isOver) = result.multipliedReportingOverflow(by: 10)
      if isOver { return nil }
      result = next
    }
    return result
  }

  package var isZero: Bool { coefficient == 0 }
}

extension ExactDecimal: Comparable {
  /// By value: `1.0` is `1.00`.
  package static func == (left: ExactDecimal, right: ExactDecimal) -> Bool { !(left < right) && !(right < left) }

  package static func < (left: ExactDecimal, right: ExactDecimal) -> Bool {
    let (one, other) = (left.parts, right.parts)
    guard one.whole == other.whole else { return one.whole < other.whole }
    // What stands after the point is less than one, so both fit once they have the same number of digits.
    let scale = max(left.scale, right.scale)
    let fractions = (raised(one.fraction, by: scale - left.scale), raised(other.fraction, by: scale - right.scale))
    return fractions.0 ?? 0 < fractions.1 ?? 0
  }

  private var parts: (whole: Int128, fraction: Int128) {
    let one = Self.raised(1, by: scale) ?? .max
    return (coefficient / one, coefficient % one)
  }
}

extension ExactDecimal: CustomStringConvertible {
  /// As JSON writes a number, without an exponent.
  package var description: String {
    var digits = String(coefficient.magnitude)
    if scale > 0 {
      digits = String(repeating: "0", count: max(0, scale + 1 - digits.utf8.count)) + digits
      digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
    }
    return coefficient < 0 ? "-\(digits)" : digits
  }
}

/// The text of a number, read from left to right.
private struct DecimalDigits {
  private let text: [UInt8]
  private var offset = 0
  /// Without its point, as long as it is exact; its digits without zeros in front; how many of them stand after the point.
  private var coefficient: Int128 = 0
  private var significant = 0
  private var fraction = 0

  init(_ text: [UInt8]) { self.text = text }

  /// Nil: the text is none.
  mutating func read() -> (coefficient: Int128, significant: Int, fraction: Int, exponent: Int)? {
    let isNegative = skip("-")
    let start = offset
    let startsWithZero = text.indices.contains(offset) && text[offset] == UInt8(ascii: "0")
    guard readDigits() > 0, !startsWithZero || offset == start + 1 else { return nil }
    if skip(".") {
      fraction = readDigits()
      guard fraction > 0 else { return nil }
    }
    guard let exponent = readExponent(), offset == text.count else { return nil }
    return (isNegative ? -coefficient : coefficient, significant, fraction, exponent)
  }

  private mutating func readExponent() -> Int? {
    guard skip("e") || skip("E") else { return 0 }
    let isNegative = skip("-")
    if !isNegative { _ = skip("+") }
    var exponent = 0
    let start = offset
    while let digit = nextDigit() { exponent = min(exponent * 10 + Int(digit), 1_000_000) }
    return offset == start ? nil : isNegative ? -exponent : exponent
  }

  /// How many there were.
  private mutating func readDigits() -> Int {
    let start = offset
    while let digit = nextDigit() {
      if digit > 0 || significant > 0 { significant += 1 }
      if significant <= ExactDecimal.significantDigits { coefficient = coefficient * 10 + Int128(digit) }
    }
    return offset - start
  }

  private mutating func nextDigit() -> UInt8? {
    guard offset < text.count, 0x30...0x39 ~= text[offset] else { return nil }
    defer { offset += 1 }
    return text[offset] - 0x30
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard offset < text.count, text[offset] == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }
}
