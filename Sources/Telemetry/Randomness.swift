/// Where chance comes from: a value that is passed in, so that a test can pass its own.
package struct Randomness: Sendable {
  /// 64 random bits.
  package let next: @Sendable () -> UInt64

  package init(next: @escaping @Sendable () -> UInt64) { self.next = next }

  /// The kernel's generator: fit for identifiers that must not be guessed.
  package static let system = Randomness {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }

  /// A whole number from the closed range, evenly.
  package func integer(in range: ClosedRange<Int>) -> Int {
    var generator = Generator(source: next)
    return Int.random(in: range, using: &generator)
  }

  /// Sixteen hexadecimal digits.
  package func hexadecimal() -> String {
    let text = String(next(), radix: 16)
    return String(repeating: "0", count: 16 - text.utf8.count) + text
  }

  /// `count` bytes, a multiple of eight.
  package func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let value = next()
      for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
    return bytes
  }

  private struct Generator: RandomNumberGenerator {
    let source: @Sendable () -> UInt64
    mutating func next() -> UInt64 { source() }
  }
}
