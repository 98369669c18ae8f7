import CZlib
import Frames
import JSON
import Messaging
import TestSupport
import Testing

@Suite("packing of frames")
struct FramePackingTests {
  private let library: Accepts = [.parts, .batch]

  private func event(_ number: Int, padding: Int = 0) -> [UInt8] {
    bytes("{\"type\":\"t\",\"seq\":\(number),\"data\":\"\(String(repeating: "é\\n", count: padding / 4))\"}")
  }

  private func frames(_ events: [[UInt8]], _ accepts: Accepts) -> [[UInt8]] {
    FramePacking.frames(events, cursor: "AQ", accepts: accepts) { "1-a" }.map(\.bytes)
  }

  @Test("a client that takes batches gets one frame, with the cursor after it")
  func batch() {
    let packed = frames([event(1), event(2)], library)
    #expect(
      packed.map(text)
        == [#"{"type":"batch","events":[{"type":"t","seq":1,"data":""},{"type":"t","seq":2,"data":""}],"cursor":"AQ"}"#]
    )
  }

  @Test("one event is a frame by itself, and a client that knows no batches gets each by itself")
  func single() {
    #expect(frames([event(1)], library) == [event(1)])
    #expect(frames([event(1), event(2)], []) == [event(1), event(2)])
  }

  @Test("batches stay within a billing unit, in order, and only the last has the cursor")
  func cut() {
    let events = (1...40).map { event($0, padding: 3_000) }
    let packed = frames(events, library)
    #expect(packed.count > 3)
    #expect(packed.allSatisfy { $0.count <= FramePacking.unitBytes })
    #expect(packed.filter { text($0).contains("\"cursor\"") } == [packed.last])
    let positions = packed.flatMap { text($0).split(separator: "\"seq\":").dropFirst().map { $0.prefix { $0 != "," } } }
    #expect(positions.map(String.init) == (1...40).map(String.init))
  }

  @Test("a large frame is compressed for a client that accepts it, and is the same after it")
  func gzip() throws {
    let large = event(1, padding: 90_000)
    let packed = frames([large], [.parts, .batch, .gzip])
    #expect(packed.count == 1)
    #expect(packed[0].count < 32 * 1024)
    #expect(try gunzip(packed[0]) == large)
  }

  @Test("what does not shrink goes in parts, joined it is the frame, and none is over a unit")
  func parts() throws {
    var generator = SeededGenerator(7)
    let noise = (0..<90_000).map { _ in
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZé\u{1F600}".randomElement(using: &generator)!
    }
    let large = bytes("{\"data\":\"\(String(noise))\"}")
    let packed = frames([large], library)
    #expect(packed.allSatisfy { $0.count <= FramePacking.unitBytes })
    #expect(try packed.map(part).map(\.index) == Array(0..<packed.count))
    #expect(try packed.map(part).allSatisfy { $0.count == packed.count })
    #expect(try bytes(packed.map(part).map(\.data).joined()) == large)
  }

  @Test(
    "whatever letters it holds, no part is over a unit and joined they are the frame",
    arguments: 1...20 as ClosedRange<UInt64>)
  func anyParts(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let alphabets: [[Character]] = [
      ["\"", "\\"], ["\u{1}", "\n"], ["\u{1F600}", "é", "a"], ["x"], ["\"", "\u{7F}", "\u{2028}", "\u{10FFFF}"],
    ]
    let letters = try #require(alphabets.randomElement(using: &generator))
    let count = Int.random(in: 33_000...96_000, using: &generator)
    let large = bytes(String((0..<count).map { _ in letters.randomElement(using: &generator)! }))
    let packed = FramePacking.frames([large], cursor: nil, accepts: library) { "1795258110446-522bb31e70522d10" }
    #expect(packed.allSatisfy { $0.bytes.count <= FramePacking.unitBytes }, "seed \(seed)")
    #expect(try bytes(packed.map { try part($0.bytes).data }.joined()) == large, "seed \(seed)")
  }

  @Test("what fits a unit is never compressed, and what does not is in parts if it does not shrink")
  func notCompressed() throws {
    let everything: Accepts = [.parts, .batch, .gzip]
    let small = event(1, padding: 30_000)
    #expect(small.count < FramePacking.unitBytes && frames([small], everything) == [small])
    var generator = SeededGenerator(3)
    let noise = bytes(
      String((0..<40_000).map { _ in Character(Unicode.Scalar(UInt8.random(in: 0x23...0x5B, using: &generator))) }))
    let packed = frames([noise], everything)
    #expect(packed.allSatisfy { text($0).hasPrefix(#"{"type":"gzip""#) || $0.count <= FramePacking.unitBytes })
    #expect(packed.allSatisfy { $0.count <= FramePacking.messageBytes })
  }

  @Test("each frame says which event is the first that is lacking without it and those after it")
  func firsts() {
    var events = (0..<20).map { EncodedEvent(bytes: event($0, padding: 8_000), firstSequence: Int64($0), group: $0) }
    #expect(lacking(events, library) == [0, 4, 8, 12, 16])
    #expect(lacking(events, []) == Array(0..<20))
    // The fourteenth stands for the seventh too.
    events[14] = EncodedEvent(bytes: events[14].bytes, firstSequence: 7, group: 14)
    #expect(lacking(events, library) == [0, 4, 7, 7, 16])
  }

  private func lacking(_ events: [EncodedEvent], _ accepts: Accepts) -> [Int64] {
    FramePacking.frames(events, cursor: nil, accepts: accepts) { "1-a" }.map(\.firstSequence)
  }

  @Test("a client that never said hello gets a large event whole")
  func plain() {
    let large = event(1, padding: 60_000)
    #expect(frames([large], []) == [large])
  }

  private func part(_ frame: [UInt8]) throws -> (index: Int, count: Int, data: String) {
    var reader = JSONReader(frame)
    var part = (index: -1, count: 0, data: "")
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "index": part.index = Int(try reader.integer())
      case "count": part.count = Int(try reader.integer())
      case "data": part.data = try reader.string()
      default: try reader.skip()
      }
    }
    return part
  }

  private func gunzip(_ frame: [UInt8]) throws -> [UInt8] {
    var reader = JSONReader(frame)
    var encoded = ""
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if key == "data" { encoded = try reader.string() } else { try reader.skip() }
    }
    let compressed = try #require(decoded(encoded))
    return try #require(inflated(compressed))
  }

  private func decoded(_ text: String) -> [UInt8]? {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var bytes: [UInt8] = []
    var group = 0
    var bits = 0
    for byte in text.utf8 where byte != UInt8(ascii: "=") {
      guard let digit = digits.firstIndex(of: byte) else { return nil }
      group = (group << 6 | digit) & 0xFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> bits))
      }
    }
    return bytes
  }

  private func inflated(_ compressed: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = compressed
    return input.withUnsafeMutableBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: 1 << 20) { target, count in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = 1 << 20
        count = inflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
      }
    }
  }
}
