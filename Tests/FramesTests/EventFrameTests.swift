import Frames
import JSON
import Messaging
import TestSupport
import Testing

@Suite("the frame of an event")
struct EventFrameTests {
  private let event = Event(
    type: "price:update", key: "AAPL", version: 3, data: bytes(#"{"price":152.50,"type":"x"}"#),
    members: bytes(#"{"vendor":"v"}"#), id: "1-a", timestamp: "2026-01-02T10:30:01.000Z", priority: .high)

  private func frame(
    _ dialect: Dialect, data: String? = nil, shownAs: String = "price", style: EventStyle = EventStyle(),
    placement: Placement? = Placement(sequence: 7)
  ) -> String {
    var event = event
    if let data { event.data = bytes(data) }
    return text(ServerFrame.event(event, shownAs: shownAs, style: style, dialect: dialect, placement: placement))
  }

  @Test("in the typed dialect has the envelope, and what the application put beside them, before the data")
  func typed() {
    #expect(
      frame(.typed)
        == #"{"type":"price","key":"AAPL","id":"1-a","stream":"all/price:update","seq":7,"version":3,"#
        + #""timestamp":"2026-01-02T10:30:01.000Z","priority":"high","vendor":"v","data":{"price":152.50,"type":"x"}}"#)
  }

  @Test("in the flat dialect has the fields of the data beside the type, whose name they may not take")
  func flat() {
    let own = #""vendor":"v","id":"1-a","seq":7,"version":3,"priority":"high"}"#
    #expect(frame(.flat) == #"{"type":"price","price":152.50,"data_type":"x","# + own)
    #expect(frame(.flat, data: "[1]") == #"{"type":"price","data":[1],"# + own)
  }

  @Test("the data of a type that says so stay one member in the flat dialect, unless they hold such a member")
  func nested() {
    let style = EventStyle(nestsData: true)
    #expect(frame(.flat, data: #"{"score":7}"#, style: style).hasPrefix(#"{"type":"price","data":{"score":7},"#))
    #expect(
      frame(.flat, data: #"{"data":{"score":7}}"#, style: style).hasPrefix(#"{"type":"price","data":{"score":7},"#))
  }

  @Test("in the message dialect names the channel it was asked by, and where it stands beside the message")
  func message() {
    #expect(
      frame(.message, data: "{}")
        == #"{"type":"data","message":{"channel":"price:AAPL","data_type":"price:update","#
        + #""timestamp":"2026-01-02T10:30:01.000Z","symbol":"AAPL","data":{},"vendor":"v"},"#
        + #""id":"1-a","seq":7,"version":3,"priority":"high"}"#)
  }

  @Test(
    "where the data have a member of such a name, the event's own bears another, in both dialects",
    arguments: [Dialect.flat, .message])
  func taken(dialect: Dialect) {
    let taken = frame(dialect, data: #"{"id":"mine","seq":1,"version":"v","priority":0}"#)
    #expect(taken.hasSuffix(#""event_id":"1-a","event_seq":7,"event_version":3,"event_priority":"high"}"#))
    #expect(taken.contains(#""id":"mine","seq":1,"version":"v","priority":0"#))
    let both = frame(dialect, data: #"{"id":1,"event_id":2}"#)
    #expect(both.contains(#""id":1,"event_id":2"#) && both.contains(#""event_event_id":"1-a""#))
  }

  @Test("in the flat dialect nothing is lost of two that bear one name: a type of the data, a member beside the data")
  func nothingLost() {
    let taken = frame(.flat, data: #"{"type":"x","data_type":"y","vendor":"w","event_vendor":1}"#)
    #expect(
      taken.hasPrefix(
        #"{"type":"price","data_data_type":"x","data_type":"y","vendor":"w","event_vendor":1,"event_event_vendor":"v","#
      ))
    #expect(taken.contains(#""id":"1-a""#))
  }

  @Test("an event that is shown under its family's name says its own", arguments: Dialect.allCases)
  func family(dialect: Dialect) {
    #expect(frame(dialect, style: EventStyle(name: "price:update")).contains(#""name":"price:update""#))
    #expect(!frame(dialect).contains(#""name""#))
  }

  @Test("no frame names a member twice, whatever the data hold", arguments: [UInt64(5), 6])
  func everyNameOnce(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let names = [
      "id", "seq", "version", "name", "priority", "event_id", "event_seq", "event_name", "type", "data", "vendor",
      "data_type", "event_event_id", "event_vendor",
    ]
    for _ in 0..<300 {
      let members = names.filter { _ in Bool.random(using: &generator) }.map { "\"\($0)\":1" }
      let style = EventStyle(name: "n", nestsData: Bool.random(using: &generator))
      for dialect in Dialect.allCases {
        let frame = frame(dialect, data: "{\(members.joined(separator: ","))}", style: style)
        var reader = JSONReader(bytes(frame))
        var seen: Set<String> = []
        try reader.beginObject()
        while let name = try reader.nextKey() {
          #expect(seen.insert(name).inserted, "seed \(seed): \(name) in \(frame)")
          try reader.skip()
        }
        try reader.end()
        #expect(frame.contains("\"1-a\"") && frame.contains("\"v\""), "seed \(seed): \(frame)")
        #expect(dialect != .flat || style.nestsData || seen.count == members.count + 7, "seed \(seed): \(frame)")
      }
    }
  }
}
