import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@Suite("a role that is not known")
struct UnknownRoleTests {
  /// How a viewer is refused is in `ReceiveTests`.
  @Test("is named where something is refused to it, with the roles that there are", arguments: ["", "hello=1"])
  func named(hello: String) throws {
    let stage = Stage()
    _ = try stage.connect([("role", "ops-team"), ("userId", "u-1")])
    let answer = try #require(try stage.say(#"{"type":"subscribe","eventTypes":["signal"]}"#))
    #expect(answer.contains(#""code":"not_allowed""#))
    #expect(
      answer.contains(
        "the role 'ops-team' is not known and sees no broadcast; there are admin, analyst, approver, viewer"))
    if !hello.isEmpty { _ = try stage.say(#"{"type":"hello","n":1,"eventTypes":["signal"]}"#) }
    let last = try #require(try stage.say(#"{"type":"subscribe","eventTypes":["signal","order:update"]}"#))
    #expect(last.contains(#""type":"subscribed""#) && last.contains("the role 'ops-team' is not known"))
  }

  @Test("is shown escaped, and no more than 48 characters of it")
  func hostile() throws {
    let stage = Stage()
    _ = try stage.connect([("role", "a\u{202E}b\n" + String(repeating: "x", count: 500))])
    let answer = try #require(try stage.say(#"{"type":"subscribe","eventTypes":["signal"]}"#))
    #expect(answer.contains(#"'a\\u{202E}b\\u{A}xxx"#) && answer.contains("x…'"), "\(answer)")
    #expect(answer.utf8.count < 400)
    let row = try #require(
      try stage.table.get(ConnectionRow.key(id: stage.id), consistency: .strong)?.string("unknownRole"))
    #expect(row.utf8.count < 80)
  }

  @Test("leaves no such attribute where the role is known, or where none was said")
  func known() throws {
    for query in [[("role", "viewer")], []] {
      let stage = Stage()
      _ = try stage.connect(query)
      let row = try #require(try stage.table.get(ConnectionRow.key(id: stage.id), consistency: .strong))
      #expect(row.string("unknownRole") == nil)
    }
  }
}
