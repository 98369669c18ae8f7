/// Decisions that look like chance and are a pure function: the same seed, words and number give the same bits in every
/// process and every run.
///
///     HashedChance(seed: 7).share("gone", "c3", 12) < 0.01     // whether the 12th post to c3 is answered 410
package struct HashedChance: Sendable {
  private let seed: UInt64

  package init(seed: Int64) { self.seed = UInt64(bitPattern: seed) }

  /// 64 bits, each of which depends on everything that goes in.
  package func bits(_ kind: String, who: String, number: Int) -> UInt64 {
    var hash = Self.mixed(seed &+ 0x9E37_79B9_7F4A_7C15)
    for part in [kind, who] {
      // FNV-1a; a byte that no UTF-8 has keeps ("ab", "c") apart from ("a", "bc").
      for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
      hash = (hash ^ 0xFF) &* 0x0000_0100_0000_01B3
    }
    return Self.mixed(hash ^ Self.mixed(UInt64(bitPattern: Int64(number))))
  }

  /// A number from 0 up to but not including 1.
  package func share(_ kind: String, who: String, number: Int) -> Double {
    Double(bits(kind, who: who, number: number) >> 11) * 0x1p-53
  }

  /// A whole number from 0 through `most`, evenly enough for the small numbers it is asked for.
  package func integer(through most: Int64, kind: String, who: String, number: Int) -> Int64 {
    Int64(bits(kind, who: who, number: number) % (UInt64(max(0, most)) + 1))
  }

  /// The last step of SplitMix64.
  private static func mixed(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
