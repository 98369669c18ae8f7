import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import TestSupport
import Testing

@Suite("families of types")
struct EventFamilyTests {
  private let world = World()
  private static let types = ["proposal", "proposal.created", "proposal.updated"]

  private func event(_ type: String, _ number: Int = 0) -> Event {
    Event(type: type, key: "P", data: bytes("1"), id: "1-\(type)\(number)", timestamp: "")
  }

  @Test(
    "by the family's name its types come under that name, one by one they come under their own",
    arguments: [
      (["proposal"], ["proposal", "proposal", "proposal"]), (["proposal.created"], [nil, "proposal.created", nil]),
      (["proposal.*"], [nil, "proposal.created", "proposal.updated"]),
      (["proposal", "proposal.updated"], ["proposal", "proposal", "proposal"]),
      (["proposal.updated", "proposal"], ["proposal", "proposal", "proposal.updated"]),
    ] as [([String], [String?])])
  func names(asked: [String], shown: [String?]) throws {
    let record = world.record(asked, role: .viewer)
    _ = try world.connections().connect(record: record)
    for (type, name) in zip(Self.types, shown) {
      #expect(record.shownName(of: event(type), types: .standard) == name, "\(type)")
      #expect(try world.recipients([event(type)]).first?.matches.first?.shownAs == name, "\(type) by its listener row")
    }
  }

  @Test("the published name goes with an event that is shown under another type's name, not with another spelling")
  func styles() {
    let types = EventTypeTable.standard
    #expect(types.style(of: "proposal.created", shownAs: "proposal").name == "proposal.created")
    #expect(types.style(of: "proposal.created", shownAs: "proposal.created").name == nil)
    #expect(types.style(of: "proposal", shownAs: "proposal").name == nil)
    #expect(types.style(of: "risk", shownAs: "risk_alert").name == nil)
    #expect(types.style(of: "credit_analysis", shownAs: "credit_analysis").nestsData)
  }

  @Test("who comes back gets all types of the family, and the state of each")
  func recovery() throws {
    let record = world.record(["proposal"], role: .viewer)
    let reader = RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock)
    let cursor = try reader.recover(record: record).cursor.text
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    for type in Self.types { _ = try log.append([event(type, 1)], to: "all/\(type)") }
    let parts = try reader.recover(record: record, cursor: cursor).parts.filter { !$0.events.isEmpty }
    #expect(parts.map(\.stream) == Self.types.map { "all/\($0)" })
    let frames = parts.flatMap { reader.frames(of: $0, record: record, replay: nil) }.map(text)
    #expect(frames.allSatisfy { $0.hasPrefix(#"{"type":"proposal","#) })
    #expect(frames.map { $0.contains(#""name":"proposal.created""#) } == [false, true, false])
  }

  @Test("an unsubscribe from the family takes all of it away, one from a type that type alone")
  func removals() {
    func left(_ remove: String) -> [String] {
      var subscriptions = world.record(["proposal"]).subscriptions
      _ = subscriptions.apply(world.change(remove: [remove], count: 1))
      return subscriptions.active.map(\.type)
    }
    #expect(left("proposal") == [])
    #expect(left("proposal.created") == ["proposal", "proposal.updated"])
  }
}
