import Messaging
import TestSupport
import Testing

/// Numbers as lists of digits, calculated as it is done on paper.
private struct OnPaper {
  var isNegative: Bool
  /// The least significant first.
  var digits: [Int]
  var scale: Int

  init(_ text: String) {
    isNegative = text.hasPrefix("-")
    let parts = text.drop { $0 == "-" }.split(separator: ".")
    scale = parts.count == 2 ? parts[1].count : 0
    digits = parts.joined().reversed().compactMap(\.wholeNumberValue)
  }

  private init(isNegative: Bool, digits: [Int], scale: Int) {
    (self.isNegative, self.digits, self.scale) = (isNegative, digits, scale)
  }

  var text: String {
    var digits = digits
    while digits.count <= scale { digits.append(0) }
    while digits.count > scale + 1, digits.last == 0 { digits.removeLast() }
    let all = digits.reversed().map(String.init).joined()
    let whole = all.prefix(all.count - scale)
    let number = scale == 0 ? String(whole) : "\(whole).\(all.suffix(scale))"
    return isNegative && digits.contains { $0 > 0 } ? "-\(number)" : number
  }

  func times(_ other: OnPaper) -> OnPaper {
    var product = [Int](repeating: 0, count: digits.count + other.digits.count + 1)
    for (left, one) in digits.enumerated() {
      for (right, two) in other.digits.enumerated() { product[left + right] += one * two }
    }
    return OnPaper(
      isNegative: isNegative != other.isNegative, digits: Self.carried(product), scale: scale + other.scale)
  }

  func plus(_ other: OnPaper) -> OnPaper {
    let scale = max(scale, other.scale)
    let (left, right) = (aligned(to: scale), other.aligned(to: scale))
    let count = max(left.count, right.count)
    func digit(_ list: [Int], _ index: Int) -> Int { index < list.count ? list[index] : 0 }
    if isNegative == other.isNegative {
      let sum = (0...count).map { digit(left, $0) + digit(right, $0) }
      return OnPaper(isNegative: isNegative, digits: Self.carried(sum), scale: scale)
    }
    let isLess = Array((0..<count).reversed().map { digit(left, $0) })
      .lexicographicallyPrecedes((0..<count).reversed().map { digit(right, $0) })
    let (large, small) = isLess ? (right, left) : (left, right)
    var difference = (0..<count).map { digit(large, $0) - digit(small, $0) }
    for index in difference.indices where difference[index] < 0 {
      difference[index] += 10
      difference[index + 1] -= 1
    }
    return OnPaper(isNegative: isLess ? other.isNegative : isNegative, digits: difference, scale: scale)
  }

  private func aligned(to scale: Int) -> [Int] { [Int](repeating: 0, count: scale - self.scale) + digits }

  private static func carried(_ digits: [Int]) -> [Int] {
    var digits = digits
    for index in digits.indices.dropLast() {
      digits[index + 1] += digits[index] / 10
      digits[index] %= 10
    }
    return digits
  }
}

@Suite("exact decimal numbers")
struct ExactDecimalTests {
  @Test(
    "a number keeps the digits it was written in",
    arguments: [
      ("0", "0"), ("-0", "0"), ("-0.00", "0.00"), ("152.50", "152.50"), ("1e3", "1000"), ("1.25E+1", "12.5"),
      ("25e-1", "2.5"), ("-0.000000000000000001", "-0.000000000000000001"),
      ("999999999999999999", "999999999999999999"),
      ("0.0010", "0.0010"), ("123456789.123456789", "123456789.123456789"),
    ])
  func written(text: String, shown: String) throws { #expect(try ExactDecimal(text).description == shown) }

  @Test(
    "what is no number, too long or too large is refused",
    arguments: [
      ("", ExactDecimal.Fault.notANumber), ("NaN", .notANumber), ("Infinity", .notANumber), ("-", .notANumber),
      ("1.", .notANumber), (".5", .notANumber), ("+1", .notANumber), ("01", .notANumber), ("1e", .notANumber),
      ("0x10", .notANumber), ("1 ", .notANumber), ("1,5", .notANumber), ("--1", .notANumber), ("1e5.0", .notANumber),
      ("١", .notANumber), ("1e400", .outOfRange), ("1e-400", .outOfRange), ("0e400", .outOfRange),
      ("1e99999999999999999999", .outOfRange), ("1e18", .outOfRange), ("0.0000000000000000001", .outOfRange),
      ("1234567890123456789", .tooManyDigits), ("0.1234567890123456789", .tooManyDigits),
      ("1000000000000000000000", .tooManyDigits),
    ])
  func refused(text: String, fault: ExactDecimal.Fault) {
    #expect(throws: fault) { try ExactDecimal(text) }
  }

  @Test("0.1 and 0.2 are 0.3, and a product has the digits of both factors")
  func exact() throws {
    #expect(try ExactDecimal("0.1").plus(ExactDecimal("0.2")).description == "0.3")
    #expect(try ExactDecimal("10").times(ExactDecimal("152.50")).description == "1525.00")
    #expect(try ExactDecimal("-3").times(ExactDecimal("0.5")).description == "-1.5")
    #expect(try ExactDecimal("152.50").minus(ExactDecimal("150.00")).description == "2.50")
    #expect(throws: ExactDecimal.Fault.outOfRange) {
      let large = try ExactDecimal("999999999999999999")
      _ = try large.times(large).times(large)
    }
  }

  @Test("sums, products and order are as on paper")
  func onPaper() throws {
    for seed in 0..<2_000 as Range<UInt64> {
      var random = SeededGenerator(seed)
      let (left, right) = (Self.number(&random), Self.number(&random))
      let (one, two) = (try ExactDecimal(left), try ExactDecimal(right))
      #expect(one.description == OnPaper(left).text, "seed \(seed)")
      #expect(
        try one.plus(two).description == OnPaper(left).plus(OnPaper(right)).text, "seed \(seed): \(left) + \(right)")
      #expect(
        try one.times(two).description == OnPaper(left).times(OnPaper(right)).text, "seed \(seed): \(left) × \(right)")
      let difference = try one.minus(two)
      #expect((one < two) == difference.description.hasPrefix("-"), "seed \(seed): \(left) < \(right)")
      #expect((one == two) == difference.isZero, "seed \(seed): \(left) = \(right)")
    }
  }

  private static func number(_ random: inout SeededGenerator) -> String {
    let count = Int.random(in: 1...18, using: &random)
    var digits = (0..<count).map { _ in String(Int.random(in: 0...9, using: &random)) }
    if digits[0] == "0" { digits[0] = "7" }
    let fraction = Int.random(in: 0..<count, using: &random)
    if fraction > 0 { digits.insert(".", at: count - fraction) }
    return (Bool.random(using: &random) ? "-" : "") + digits.joined()
  }
}
