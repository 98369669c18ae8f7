import Frames
import TestSupport
import Testing

@Suite("decompression")
struct GunzipTests {
  @Test("what was compressed comes out, up to the bound and not a byte over it")
  func bound() throws {
    var generator = SeededGenerator(11)
    for count in [0, 1, 1000, 65_535, 65_536, 65_537, 300_000] {
      let original = (0..<count).map { _ in UInt8.random(in: 0...3, using: &generator) }
      let compressed = try #require(Gzip.compress(original))
      #expect(Gzip.decompress(compressed, maximumBytes: count) == original)
      #expect(Gzip.decompress(compressed, maximumBytes: count + 1) == original)
      if count > 0 { #expect(Gzip.decompress(compressed, maximumBytes: count - 1) == nil) }
    }
  }

  @Test("bytes by chance, and a member with any one byte changed, end in nothing or in bytes within the bound")
  func damage() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    let whole = try #require(Gzip.compress(bytes(String(repeating: "price 152.50 ", count: 200))))
    for position in whole.indices {
      var damaged = whole
      damaged[position] ^= UInt8.random(in: 1...255, using: &generator)
      let output = Gzip.decompress(damaged, maximumBytes: 5_000)
      #expect(output?.count ?? 0 <= 5_000, "seed \(seed), byte \(position)")
      #expect(Gzip.decompress(Array(whole[..<position]), maximumBytes: 5_000) == nil, "cut at \(position)")
    }
    for _ in 0..<200 {
      let noise = (0..<Int.random(in: 0...64, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      #expect(Gzip.decompress([0x1F, 0x8B, 8] + noise, maximumBytes: 100)?.count ?? 0 <= 100, "seed \(seed)")
    }
  }
}
