import Telemetry

/// A connection's id as this gateway makes them, sixteen characters with `=` last, kept as its bytes so that looking
/// one up builds no text.
struct ConnectionKey: Hashable {
  private let high: UInt64
  private let low: UInt64

  /// The id of these sixteen characters.
  init(ascii: InlineArray<16, UInt8>) {
    var halves: (UInt64, UInt64) = (0, 0)
    for index in 0..<8 { halves.0 = halves.0 << 8 | UInt64(ascii[index]) }
    for index in 8..<16 { halves.1 = halves.1 << 8 | UInt64(ascii[index]) }
    (high, low) = halves
  }

  /// 90 random bits as fifteen base64url characters: who was not told an id cannot guess it.
  static func random(_ randomness: Randomness) -> ConnectionKey {
    let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    var bits = UInt128(randomness.next()) << 64 | UInt128(randomness.next())
    var ascii = InlineArray<16, UInt8>(repeating: UInt8(ascii: "="))
    for index in 0..<15 {
      ascii[index] = alphabet.utf8Start[Int(bits & 63)]
      bits >>= 6
    }
    return ConnectionKey(ascii: ascii)
  }

  var text: String {
    String(unsafeUninitializedCapacity: 16) { buffer in
      for index in 0..<16 {
        let half = index < 8 ? high : low
        buffer[index] = UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * (index & 7)))
      }
      return 16
    }
  }
}
