import Messaging
import TestSupport
import Testing

@Suite("members beside the data of a published event")
struct ApplicationMembersTests {
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

  @Test("stay, in order, as the bytes they came in")
  func stay() throws {
    let event = try decode(
      #"{"vendor":"v","type":"t","data":1,"metadata":{"retry_count": 0,"at":1.50},"update_type":null}"#)
    #expect(text(event.members) == #"{"vendor":"v","metadata":{"retry_count": 0,"at":1.50},"update_type":null}"#)
    #expect(try decode(#"{"type":"t","data":1}"#).members == [])
  }

  @Test(
    "may not be nearly a name of the event's own: a misspelt user would send one user's event to everyone",
    arguments: [
      "usr", "user_id", "userid", "User", "users", "uesr", "user-id", "group_id", "Group", "grup", "kye", "keys",
      "aud-ience",
      "prioritty", "correlation_id", "idempotency_key", "idempotencykey", "timestmap",
    ])
  func near(name: String) {
    let refusal = refusal("{\"type\":\"t\",\"data\":1,\"\(name)\":\"u-1\"}")
    #expect(
      refusal?.code == .unknownField && refusal?.message.contains("'\(name)'") == true, "\(refusal?.message ?? "taken")"
    )
  }

  @Test("that are nearly a name are told every name that an event may have", arguments: ["user_id", "usr"])
  func told(name: String) {
    let message = refusal("{\"type\":\"t\",\"data\":1,\"\(name)\":\"u-1\"}")?.message ?? ""
    for known in [
      "type", "key", "data", "audience", "user", "userId", "group", "timestamp", "priority", "correlationId",
      "idempotencyKey",
    ] { #expect(message.contains(known), "\(known)") }
    #expect(name != "user_id" || message.contains("nearly 'userId'"))
  }

  @Test(
    "may not bear a name that frames have",
    arguments: ["id", "seq", "stream", "replay", "version", "name", "event_seq"])
  func reserved(name: String) {
    #expect(refusal("{\"type\":\"t\",\"data\":1,\"\(name)\":1}")?.code == .unknownField)
  }

  @Test(
    "may be called anything else", arguments: ["date", "kind", "vendor", "metadata", "username", "é", "a.b", "time"])
  func others(name: String) throws {
    #expect(try text(decode("{\"type\":\"t\",\"data\":1,\"\(name)\":1}").members) == "{\"\(name)\":1}")
  }

  @Test("are 32 at most, of names of 128 bytes without control characters, and each stands once")
  func bounds() throws {
    func event(_ count: Int) -> String {
      #"{"type":"t","data":1,"# + (0..<count).map { "\"m\($0)\":0" }.joined(separator: ",") + "}"
    }
    _ = try decode(event(32))
    #expect(refusal(event(33))?.code == .invalidField)
    #expect(refusal(#"{"type":"t","data":1,"a\u0000":1}"#)?.code == .invalidField)
    #expect(refusal("{\"type\":\"t\",\"data\":1,\"\(String(repeating: "m", count: 129))\":1}")?.code == .invalidField)
    #expect(refusal(#"{"type":"t","data":1,"m":1,"m":2}"#)?.code == .repeatedField)
  }

  @Test("of a StreamMessage the channel is the type and the key, and the rest stays")
  func streamMessage() throws {
    let event = try decode(
      #"{"channel":"stream:market_data:AAPL","data_type":"market_data","update_type":"snapshot","#
        + #""timestamp":"2024-01-01T12:00:00Z","symbol":"AAPL","data":{"raw_data":"...","symbol":"AAPL"},"#
        + #""vendor":"yfinance","metadata":{"worker_id":"worker_market_data","retry_count":0}}"#)
    #expect(event.type == "stream:market_data" && event.key == "AAPL" && event.timestamp == "2024-01-01T12:00:00Z")
    #expect(
      text(event.members)
        == #"{"update_type":"snapshot","vendor":"yfinance","metadata":{"worker_id":"worker_market_data","retry_count":0}}"#
    )
    #expect(try decode(#"{"channel":"stream:news","symbol":"A","data":1}"#).key == "A")
    #expect(try decode(#"{"data_type":"news","data":1}"#).type == "stream:news")
  }

  @Test(
    "a StreamMessage that contradicts itself is refused",
    arguments: [
      (#""channel":"stream:news:A","symbol":"B""#, "symbol"),
      (#""channel":"stream:news:A","data_type":"x""#, "data_type"),
      (#""channel":"stream:news:A","key":"B""#, "key"), (#""channel":"news:A""#, "stream:{data_type}"),
      (#""channel":"stream:""#, "stream:{data_type}"), (#""channel":"stream:news:""#, "stream:{data_type}"),
      (#""channel":"stream:a*""#, "'*'"), (#""type":"t","symbol":"A""#, "'key'"),
      (#""symbol":"A""#, "'type' is required"),
      (#""channel":7"#, "'channel'"),
    ])
  func contradictions(members: String, mentions: String) {
    let refusal = refusal("{\(members),\"data\":1}")
    #expect(refusal?.message.contains(mentions) == true, "\(refusal?.message ?? "taken")")
  }
}
