import Messaging
import TestSupport
import Testing

@testable import EventLog

@Suite("the events of an append as bytes")
struct EventBlockTests {
  private func event(_ version: Int?, _ members: String) -> Event {
    Event(
      type: "t", key: "k", version: version, data: bytes("1"), members: bytes(members), id: "1-a",
      timestamp: "2026-01-02T10:30:01Z", priority: .high, correlationID: "c")
  }

  @Test("hold version and members of an application's own", arguments: [nil, 1, 999_999], ["", #"{"vendor":"v"}"#])
  func members(version: Int?, members: String) throws {
    let events = [event(version, members), event(nil, ""), event(7, "{}")]
    let block = EventBlock.encode(events)
    #expect(EventBlock.decode(block, first: 5, audience: .everyone)?.map(\.event) == events)
    #expect(block.count <= events.reduce(1) { $0 + EventBlock.bound(of: $1) })
  }

  @Test("are what the release before wrote where they have neither, and read as such")
  func releaseBefore() throws {
    let before: [UInt8] =
      [1, 1, 1] + bytes("t") + [1] + bytes("k") + [3] + bytes("1-a") + [1] + bytes("T") + [2] + bytes("42")
    let event = Event(type: "t", key: "k", data: bytes("42"), id: "1-a", timestamp: "T")
    #expect(EventBlock.encode([event]) == before)
    #expect(EventBlock.decode(before, first: 1, audience: .everyone)?.map(\.event) == [event])
    #expect(EventBlock.encode([self.event(1, "")]).first == 2)
    #expect(EventBlock.decode([3] + before.dropFirst(), first: 1, audience: .everyone) == nil)
  }
}
