import CZlib
import JSON
import Messaging
import TestSupport
import Testing

@testable import Frames

@Suite("server-sent events")
struct EventStreamFrameTests {
  @Test("a frame is event, data, id and retry, and an empty line")
  func frame() {
    let frame = EventStreamFrame.frame(
      event: "price:update", data: bytes(#"{"a":1}"#), id: "1-a.AQ", retryMilliseconds: 5_000)
    #expect(text(frame) == "event: price:update\ndata: {\"a\":1}\nid: 1-a.AQ\nretry: 5000\n\n")
    #expect(text(EventStreamFrame.comment("keepalive")) == ": keepalive\n\n")
    #expect(text(EventStreamFrame.retry(milliseconds: 20)) == "retry: 20\n\n")
  }

  @Test("whatever bytes are given, the reader gets one event with that data, its line breaks as line feeds")
  func anyBytes() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    let alphabet: [UInt8] = [0, 0x0A, 0x0D, UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: "i"), UInt8(ascii: "d")]
    for _ in 0..<2_000 {
      let random = {
        (0..<Int.random(in: 0...12, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
      }
      let (data, event, id) = (random(), random(), random())
      var reader = EventSourceReader()
      reader.read(
        EventStreamFrame.frame(
          event: "e" + text(event), data: data, id: "i" + text(id), retryMilliseconds: 1))
      let expected = withLineFeeds(data)
      #expect(reader.messages.count == 1, "seed \(seed)")
      #expect(reader.messages.first?.data.utf8.elementsEqual(expected) == true, "seed \(seed)")
      #expect(reader.messages.first?.hasOwnID == true && reader.retries == [1], "seed \(seed)")
    }
  }

  @Test(
    "members are added behind an object's own, and to nothing else",
    arguments: [
      (#"{"a":1}"#, #"{"a":1,"f":true}"#), ("{}", #"{"f":true}"#), (" { } ", #" { "f":true}"#), ("[1]", "[1]"),
      ("7", "7"), (#""}""#, #""}""#), (#"{"a":{"b":"}"}}"#, #"{"a":{"b":"}"},"f":true}"#),
    ])
  func adding(data: String, expected: String) throws {
    let added = EventStreamData.adding(to: bytes(data)) { $0.member("f", true) }
    #expect(text(added) == expected)
    try JSONReader.validate(added)
  }

  @Test("what comes back of an id is the part behind the dot, a bare event's name, or a cursor")
  func ids() {
    #expect(EventStreamID("1735819801000-000004f2a1.AYPz") == .cursor("AYPz"))
    #expect(EventStreamID("1735819801000-000004f2a1") == .event("1735819801000-000004f2a1"))
    #expect(EventStreamID("AYPz-0") == .cursor("AYPz-0"))
    #expect(EventStreamID("") == .cursor(""))
    #expect(EventStreamID("1-a.b.c") == .cursor("b.c"))
  }

  @Test("an id of eight streams is 120 bytes at most")
  func idLength() {
    var cursor = Cursor()
    for number in 0..<8 { cursor.set(Cursor.Log(stream: "all/t\(number)", epoch: "e"), to: 20_000) }
    #expect(EventStreamID.text(event: "1735819801000-0123456789abcdef", cursor: cursor.text).utf8.count <= 130)
  }

  @Test("a log's fingerprint that was made once says the same as one that is made each time")
  func cursorLog() {
    var (left, right) = (Cursor(), Cursor())
    left.set(stream: "all/a", epoch: "e", to: 7)
    right.set(Cursor.Log(stream: "all/a", epoch: "e"), to: 7)
    #expect(left == right && left.sequence(of: "all/a", epoch: "e") == 7)
  }
}

@Suite("a gzip stream")
struct GzipStreamTests {
  @Test("what was written so far can be read so far, and the whole is one gzip member")
  func growing() throws {
    let stream = try #require(GzipStream())
    var compressed: [UInt8] = []
    var plain: [UInt8] = []
    for number in 0..<200 {
      let frame = bytes(
        "event: price:update\ndata: {\"symbol\":\"AAPL\",\"price\":15\(number).50,\"bid\":1}\nid: \(number)\n\n")
      compressed += stream.write(frame)
      plain += frame
      if number % 50 == 0 { #expect(Self.inflated(compressed) == plain) }
    }
    compressed += stream.finish()
    #expect(Gzip.decompress(compressed, maximumBytes: plain.count) == plain)
    #expect(compressed.count * 10 < plain.count * 4)
  }

  @Test("bytes that do not compress come out whole")
  func incompressible() throws {
    let stream = try #require(GzipStream())
    var generator = SeededGenerator(7)
    let plain = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    #expect(Self.inflated(stream.write(plain)) == plain)
  }

  /// What an unfinished member holds.
  private static func inflated(_ compressed: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    guard tickertape_gunzip_begin(&stream) == Z_OK else { return [] }
    defer { inflateEnd(&stream) }
    var input = compressed
    return input.withUnsafeMutableBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: 1 << 20) { target, count in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = 1 << 20
        _ = inflate(&stream, Z_SYNC_FLUSH)
        count = (1 << 20) - Int(stream.avail_out)
      }
    }
  }
}

/// Each CR LF, and each CR by itself, as a line feed.
private func withLineFeeds(_ data: [UInt8]) -> [UInt8] {
  var result: [UInt8] = []
  for (index, byte) in data.enumerated() {
    if byte == 0x0A, index > 0, data[index - 1] == 0x0D { continue }
    result.append(byte == 0x0D ? 0x0A : byte)
  }
  return result
}
