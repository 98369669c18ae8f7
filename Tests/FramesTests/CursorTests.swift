import Connections
import Frames
import Messaging
import TestSupport
import Testing

@Suite("cursors")
struct CursorTests {
  private struct Made {
    var cursor = Cursor()
    var positions: [(stream: String, epoch: String, sequence: Int64)] = []
  }

  /// Sequence numbers of every length in `bits`.
  private func made(_ random: inout SeededGenerator, streams: Int, bits: ClosedRange<Int> = 1...35) -> Made {
    var made = Made()
    for number in 0..<streams {
      let sequence = Int64(random.next() >> UInt64(64 - Int.random(in: bits, using: &random)))
      let epoch = Bool.random(using: &random) ? "\(random.next() % 1_000_000)-a" : ""
      made.positions.append(("all/type-\(number)", epoch, sequence))
      made.cursor.set(stream: "all/type-\(number)", epoch: epoch, to: sequence)
    }
    return made
  }

  @Test("say of every stream what was said to them, as text too", arguments: 0..<50 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let made = made(&random, streams: Int.random(in: 0...Cursor.maximumStreams, using: &random))
    let read = try #require(Cursor(made.cursor.text), "seed \(seed)")
    #expect(read == made.cursor, "seed \(seed)")
    for position in made.positions {
      #expect(read.sequence(of: position.stream, epoch: position.epoch) == position.sequence, "seed \(seed)")
      #expect(read.sequence(of: position.stream, epoch: position.epoch + "x") == nil, "seed \(seed)")
      #expect(read.sequence(of: position.stream + "x", epoch: position.epoch) == nil, "seed \(seed)")
    }
  }

  @Test("are never longer than what is read, whatever they count to", arguments: 0..<50 as Range<UInt64>)
  func bounds(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let made = made(&random, streams: Int.random(in: 1...100, using: &random), bits: 40...63)
    #expect(made.cursor.count == min(made.positions.count, Cursor.maximumStreams))
    let text = made.cursor.text
    #expect(text.utf8.count <= Cursor.maximumBytes, "seed \(seed)")
    let read = try #require(Cursor(text), "seed \(seed)")
    // What had no room is not told of, and what is told is right.
    for position in made.positions {
      let told = read.sequence(of: position.stream, epoch: position.epoch)
      #expect(told == nil || told == position.sequence, "seed \(seed)")
    }
    #expect(read.count >= min(made.positions.count, 48), "seed \(seed)")
  }

  @Test("cut short are refused, or tell of fewer streams what is true", arguments: 0..<20 as Range<UInt64>)
  func truncated(seed: UInt64) {
    var random = SeededGenerator(seed)
    let made = made(&random, streams: Int.random(in: 1...20, using: &random))
    let text = made.cursor.text
    var accepted = 0
    for length in 0..<text.utf8.count {
      guard let read = Cursor(String(text.prefix(length))) else { continue }
      accepted += 1
      #expect(read.count < made.positions.count, "seed \(seed), length \(length)")
      for position in made.positions {
        let told = read.sequence(of: position.stream, epoch: position.epoch)
        #expect(told == nil || told == position.sequence, "seed \(seed), length \(length)")
      }
    }
    #expect(accepted <= made.positions.count, "seed \(seed)")
  }

  @Test("with one bit flipped are refused, or spelled as they were read", arguments: 0..<20 as Range<UInt64>)
  func flipped(seed: UInt64) {
    var random = SeededGenerator(seed)
    let made = made(&random, streams: Int.random(in: 1...8, using: &random))
    let bytes = Array(made.cursor.text.utf8)
    for bit in 0..<bytes.count * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      guard let text = String(validating: changed, as: UTF8.self), let read = Cursor(text) else { continue }
      #expect(read.text == text, "seed \(seed), bit \(bit)")
      #expect(read != made.cursor, "seed \(seed), bit \(bit)")
      #expect(abs(read.count - made.cursor.count) <= 1, "seed \(seed), bit \(bit)")
    }
  }

  @Test("of random bytes are refused, or spelled as they were read", arguments: 0..<20 as Range<UInt64>)
  func forged(seed: UInt64) {
    var random = SeededGenerator(seed)
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ é".utf8)
    for _ in 0..<500 {
      let word = (0..<Int.random(in: 0...40, using: &random)).map { _ in letters.randomElement(using: &random)! }
      for text in [String(decoding: word, as: UTF8.self), "AQ" + String(decoding: word, as: UTF8.self)] {
        guard let read = Cursor(text) else { continue }
        #expect(read.text == text, "seed \(seed): \(text)")
      }
    }
  }

  @Test("of another version are refused, and so are those of too many streams and of a stream twice")
  func refused() throws {
    var cursor = Cursor()
    cursor.set(stream: "all/signal", epoch: "1-a", to: 7)
    let text = cursor.text
    #expect(Cursor(text) != nil && Cursor("") == nil && Cursor("AQ")?.isEmpty == true)
    for version in ["Ag", "AA", "_w"] { #expect(Cursor(version + text.dropFirst(2)) == nil) }
    // Version and entry are 8 bytes: the same entry again, and an entry sixty-five times.
    let entry: [UInt8] = [1, 2, 3, 4, 5, 6, 7]
    func word(_ bytes: [UInt8]) -> String { Base64Text.url(bytes) }
    #expect(Cursor(word([1] + entry))?.count == 1)
    #expect(Cursor(word([1] + entry + entry)) == nil)
    let many = (0..<65).flatMap { (number: UInt8) -> [UInt8] in [1, 2, 3, 4, 5, number, 7] }
    #expect(Cursor(word([1] + many)) == nil && Cursor(word([1] + many.dropLast(7)))?.count == 64)
    // One number, one spelling.
    #expect(Cursor(word([1] + entry.dropLast() + [0x87, 0x00])) == nil)
    #expect(Cursor(word([1] + entry.dropLast() + [UInt8](repeating: 0xFF, count: 9) + [1])) == nil)
  }
}

/// RFC 4648 section 5, without padding.
private enum Base64Text {
  static func url(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      for position in 0...group.count { text.append(letters[word >> (18 - 6 * position) & 63]) }
    }
    return text
  }
}
