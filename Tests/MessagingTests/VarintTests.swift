import Messaging
import TestSupport
import Testing

@Suite("whole numbers in as few bytes as they need")
struct VarintTests {
  private func bytes(_ number: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    Varint.append(number, to: &bytes)
    return bytes
  }

  private func read(_ bytes: [UInt8]) -> Int64? {
    var offset = 0
    return Varint.read(bytes, offset: &offset)
  }

  @Test("9 is one byte, 300 two, the highest nine")
  func examples() {
    #expect(bytes(9) == [9] && bytes(300) == [0xAC, 0x02])
    #expect(bytes(UInt64(Int64.max)).count == 9 && bytes(0) == [0])
  }

  @Test("what was written is read, up to where it ends", arguments: [UInt64(1), 2, 3])
  func roundTrip(seed: UInt64) {
    var generator = SeededGenerator(seed)
    for _ in 0..<1_000 {
      let number =
        UInt64.random(in: 0...UInt64(Int64.max), using: &generator) >> UInt64.random(in: 0...62, using: &generator)
      let written = bytes(number)
      var offset = 0
      #expect(Varint.read(written + [0xFF], offset: &offset) == Int64(number), "seed \(seed): \(number)")
      #expect(offset == written.count, "seed \(seed): \(number)")
    }
  }

  @Test("bytes that end too soon, a second spelling, and more than 63 bits are no number")
  func refused() {
    #expect(read([]) == nil && read([0x80]) == nil && read([0xAC]) == nil)
    #expect(read([0x80, 0x00]) == nil && read([0xAC, 0x82, 0x00]) == nil)
    #expect(read(Array(repeating: 0xFF, count: 9) + [0x01]) == nil)
  }
}
