import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@Suite("the names of streams")
struct StreamNameTests {
  @Test(
    "an audience is named by the bytes after the slash, whatever character these begin with",
    arguments: ["u-1", "a/b", "/", "\u{301}u-1", "\u{200D}u-1", "\u{20D0}u-1", "\u{E0100}u-1", "\u{600}u-1"])
  func audience(name: String) throws {
    for audience in [Audience.user(name), .group(name)] {
      let event = Event(type: "note", audience: audience, data: bytes("1"), id: "1-a", timestamp: "")
      switch (StreamName.audience(of: event.stream), audience) {
      case (.user(let found)?, .user), (.group(let found)?, .group): #expect(Array(found.utf8) == Array(name.utf8))
      case (let found, _): Issue.record("\(event.stream) is for \(String(describing: found))")
      }
    }
  }
}
