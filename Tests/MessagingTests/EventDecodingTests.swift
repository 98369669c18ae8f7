import Frames
import JSON
import Messaging
import TestSupport
import Testing

@Suite("a published event")
struct EventDecodingTests {
  private func decode(_ json: String) throws(EventRefusal) -> Event {
    let bytes = bytes(json)
    return try Event(published: bytes, in: 0..<bytes.count, id: "1-a", timestamp: "2026-01-02T10:30:01.000Z")
  }

  private func refusal(_ json: String) -> EventRefusal? {
    do throws(EventRefusal) {
      _ = try decode(json)
      return nil
    } catch {
      return error
    }
  }

  @Test("keeps its data as the bytes it came in")
  func data() throws {
    let event = try decode(#"{"type":"price:update","key":"AAPL","data":{"price":152.50, "id":1234567890123456789}}"#)
    #expect(text(event.data) == #"{"price":152.50, "id":1234567890123456789}"#)
    #expect(event.type == "price:update")
    #expect(event.key == "AAPL")
    #expect(event.audience == .everyone)
    #expect(event.id == "1-a")
    #expect(event.timestamp == "2026-01-02T10:30:01.000Z")
  }

  @Test(
    "names its audience in any of the ways",
    arguments: [
      (#""audience":"everyone""#, Audience.everyone), (#""user":"u-1""#, .user("u-1")),
      (#""audience":{"user":"u-1"}"#, .user("u-1")), (#""group":"g""#, .group("g")),
      (#""audience":{"group":"g"}"#, .group("g")), (#""audience":null"#, .everyone),
    ])
  func audience(member: String, audience: Audience) throws {
    #expect(try decode("{\"type\":\"t\",\(member),\"data\":null}").audience == audience)
  }

  @Test("has every optional member")
  func optional() throws {
    let event = try decode(
      #"{"type":"t","data":1,"priority":"high","correlationId":"c","idempotencyKey":"k","timestamp":"2026-01-02T10:30:01Z"}"#
    )
    #expect(event.priority == .high)
    #expect(event.correlationID == "c")
    #expect(event.idempotencyKey == "k")
    #expect(event.timestamp == "2026-01-02T10:30:01Z")
  }

  @Test("may have any key that can be shown: quotes, '#', letters of any language, emoji with their joiners")
  func keys() throws {
    #expect(
      try decode(#"{"type":"t","key":"\" #é \\ می\u200cخواهم 👩\u200d🚀","data":1}"#).key
        == "\" #é \\ می\u{200C}خواهم 👩\u{200D}🚀")
  }

  @Test(
    "a name with a control character, a line separator or a turn of direction is refused, whatever it names",
    arguments: ["type", "key", "user", "userId", "group", "correlationId", "idempotencyKey"],
    [
      "\\u0000", "\\n", "\\r", "\\u001b", "\\u007f", "\\u0085", "\\u009b", "\\u2028", "\\u2029", "\\u200e", "\\u202e",
      "\\u2066",
    ])
  func controls(field: String, escape: String) {
    let others = field == "type" ? #""data":1"# : #""type":"t","data":1"#
    let text = #"{"\#(field)":"a\#(escape)b",\#(others)}"#
    let refusal = refusal(text)
    #expect(refusal?.code == .invalidField)
    #expect(refusal?.message.contains("'\(field)'") == true && refusal?.message.contains(Name.rule) == true)
  }

  @Test(
    "is refused by name",
    arguments: [
      ("[]", EventRefusal.Code.notAnObject, "an array"), ("{}", .missingField, "'type'"),
      (#"{"type":"t"}"#, .missingField, "'data'"), (#"{"type":7,"data":1}"#, .invalidField, "'type'"),
      (#"{"type":"","data":1}"#, .invalidField, "'type'"), (#"{"type":"a\nb","data":1}"#, .invalidField, "'type'"),
      (#"{"type":"t*","data":1}"#, .invalidField, "'type'"), (#"{"type":"ready","data":1}"#, .reservedType, "ready"),
      (#"{"type":"t","key":"","data":1}"#, .invalidField, "'key'"),
      (#"{"type":"t","key":3,"data":1}"#, .invalidField, "'key'"),
      (#"{"type":"t","key":"\ud800","data":1}"#, .invalidField, "'key'"),
      (#"{"type":"t","kye":"AAPL","data":1}"#, .unknownField, "'kye'"),
      (#"{"type":"t","type":"u","data":1}"#, .repeatedField, "'type'"),
      (#"{"type":"t","user":"u","group":"g","data":1}"#, .invalidField, "'audience'"),
      (#"{"type":"t","audience":"all","data":1}"#, .invalidField, "'audience'"),
      (#"{"type":"t","audience":{},"data":1}"#, .invalidField, "'audience'"),
      (#"{"type":"t","priority":"urgent","data":1}"#, .invalidField, "'priority'"),
      (#"{"type":"t","timestamp":"yesterday","data":1}"#, .invalidField, "'timestamp'"),
    ])
  func refusals(json: String, code: EventRefusal.Code, mentions: String) {
    let refusal = refusal(json)
    #expect(refusal?.code == code)
    #expect(refusal?.message.contains(mentions) == true, "\(refusal?.message ?? "taken")")
  }

  @Test(
    "may not bear the name of a frame of the protocol",
    arguments: [
      "connection", "resume", "ready", "snapshot", "batch", "gzip", "part", "heartbeat", "rotate", "error", "hello",
      "subscribe", "subscribed", "unsubscribe", "unsubscribed", "ping", "pong", "status",
    ])
  func reserved(name: String) throws {
    #expect(refusal("{\"type\":\"\(name)\",\"data\":1}")?.code == .reservedType)
    for other in ["\(name)s:", name.uppercased(), "x\(name)"] {
      #expect(try decode("{\"type\":\"\(other)\",\"data\":1}").type == other)
    }
  }

  @Test("is refused beyond each bound and taken at it")
  func bounds() throws {
    func event(type: Int, key: Int, user: Int) -> String {
      let letter = { String(repeating: "x", count: $0) }
      return "{\"type\":\"\(letter(type))\",\"key\":\"\(letter(key))\",\"user\":\"\(letter(user))\",\"data\":1}"
    }
    _ = try decode(event(type: 128, key: 256, user: 256))
    #expect(refusal(event(type: 129, key: 256, user: 256))?.code == .invalidField)
    #expect(refusal(event(type: 128, key: 257, user: 256))?.code == .invalidField)
    #expect(refusal(event(type: 128, key: 256, user: 257))?.code == .invalidField)
  }

  @Test("is refused beyond 64 levels of nesting, so that a batch of what is taken can be read by every reader here")
  func depth() throws {
    func event(_ levels: Int) throws -> Event {
      let data = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
      return try decode(#"{"type":"x","data":\#(data)}"#)
    }
    let frame = ServerFrame.event(try event(63), shownAs: "x", dialect: .typed, placement: Placement(sequence: 1))
    try JSONReader.validate(bytes(#"{"type":"snapshot","events":[\#(text(frame))]}"#))
    for levels in [64, 99, 127] {
      #expect(throws: EventRefusal.self) { _ = try event(levels) }
    }
  }

  @Test("is refused beyond 96 KB of JSON and taken at it")
  func size() throws {
    let frame = #"{"type":"t","data":""}"#
    let room = 96 * 1024 - frame.utf8.count
    _ = try decode("{\"type\":\"t\",\"data\":\"\(String(repeating: "x", count: room))\"}")
    let refusal = refusal("{\"type\":\"t\",\"data\":\"\(String(repeating: "x", count: room + 1))\"}")
    #expect(refusal?.code == .tooLarge)
    #expect(refusal?.message.contains("98305 bytes") == true)
  }
}
