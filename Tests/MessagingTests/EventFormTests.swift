import Messaging
import TestSupport
import Testing

@Suite("the form of a publish")
struct EventFormTests {
  @Test(
    "an event of ours has it, also one that will be refused",
    arguments: [
      #"{"type":"a","data":null}"#, #" {"data":{},"key":"k","type":"ready"} "#,
      #"{"type":"a","data":1,"key":"k","audience":"everyone","timestamp":"x","priority":"x","correlationId":"c","idempotencyKey":"i"}"#,
      #"{"type":"a","data":1,"user":7}"#, #"{"type":"a","data":1,"userId":"u"}"#, #"{"type":"a","data":1,"group":"g"}"#,
      #"{"events":[]}"#, #"{"events":[{"type":"a","data":1}]}"#, #"{"events":[7,{"data":1},{"type":"a","data":1}]}"#,
    ])
  func ours(text: String) { #expect(EventForm.isPublish(bytes(text))) }

  @Test(
    "what others call by the same names has not",
    arguments: [
      "", "7", "[]", "null", "\"type\"", "{}", #"{"type":"a"}"#, #"{"data":1}"#, #"{"type":7,"data":1}"#,
      #"{"type":"","data":1}"#, #"{"type":"a*","data":1}"#, #"{"type":"a","data":1,"id":"evt_1"}"#,
      #"{"type":"UnauthorizedAccess:EC2/TorClient","severity":8}"#, #"{"events":7}"#,
      #"{"events":[7,{"name":"click"}]}"#,
      #"{"events":[],"count":0}"#, #"{"type":"batch","events":[{"type":"a","data":1}]}"#,
      #"{"events":[{"type":"a","data":1}],"events":[]}"#, #"{"type":"a","data":1"#, #"{"type":"a","data":}"#,
    ])
  func others(text: String) { #expect(!EventForm.isPublish(bytes(text))) }

  /// An application's own members (`vendor`) may stand in any system's JSON, so they do not make an event of it.
  @Test("every member that the protocol names has it, and another makes no event of a source that carries anything")
  func members() throws {
    let vendor = bytes(#"{"type":"a","data":1,"vendor":"v"}"#)
    _ = try Event(published: vendor, in: 0..<vendor.count, id: "1-a", timestamp: "")
    #expect(!EventForm.isPublish(vendor))
    for name in [
      "key", "audience", "user", "userId", "group", "timestamp", "priority", "correlationId", "idempotencyKey", "id",
    ] {
      let event = bytes("{\"type\":\"a\",\"data\":1,\"\(name)\":null}")
      var code: EventRefusal.Code?
      do throws(EventRefusal) {
        _ = try Event(published: event, in: 0..<event.count, id: "1-a", timestamp: "")
      } catch {
        code = error.code
      }
      #expect(EventForm.isPublish(event) == (code != .unknownField), "\(name)")
    }
  }
}
