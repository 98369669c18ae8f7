import Delivery
import Frames
import Messaging
import TestSupport
import Testing

@Suite("folding")
struct ConflationTests {
  private func event(_ key: String?, _ type: String = "price:update", high: Bool = false) -> Event {
    Event(
      type: type, key: key, audience: .everyone, data: [], id: "1-a", timestamp: "", priority: high ? .high : nil)
  }

  private func conflated(_ events: [Event]) -> [ConflatedEvent] { Conflation.conflate(events) { $0.priority == .high } }

  @Test("of each key the newest event stays, in order, and counts those before it")
  func newest() {
    let events = [event("A"), event("B"), event("A"), event("C"), event("A")]
    #expect(
      conflated(events) == [
        ConflatedEvent(index: 1, count: 0), ConflatedEvent(index: 3, count: 0),
        ConflatedEvent(index: 4, count: 2, first: 0),
      ])
  }

  @Test("an event without a key stands for itself")
  func withoutKey() {
    #expect(
      conflated([event(nil), event(nil)]) == [ConflatedEvent(index: 0, count: 0), ConflatedEvent(index: 1, count: 0)])
  }

  @Test("an event of high priority is neither conflated nor stands for others")
  func high() {
    let events = [event("A"), event("A", high: true), event("A")]
    #expect(conflated(events) == [ConflatedEvent(index: 1, count: 0), ConflatedEvent(index: 2, count: 1, first: 0)])
  }

  @Test("the same key of two types is two keys, and so are two spellings of one letter")
  func distinct() {
    #expect(conflated([event("A"), event("A", "order:update")]).count == 2)
    #expect(conflated([event("\u{e9}"), event("e\u{301}")]).count == 2)
  }

  @Test("every event is sent or counted, whatever the mix", arguments: [UInt64(1), 2, 3])
  func nothingVanishes(seed: UInt64) {
    var generator = SeededGenerator(seed)
    for _ in 0..<200 {
      let events = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        event(
          Int.random(in: 0...4, using: &generator) == 0 ? nil : "k\(Int.random(in: 0...5, using: &generator))",
          high: Int.random(in: 0...9, using: &generator) == 0)
      }
      let kept = conflated(events)
      #expect(kept.reduce(0) { $0 + 1 + $1.count } == events.count, "seed \(seed)")
      #expect(kept.map(\.index) == kept.map(\.index).sorted(), "seed \(seed)")
      for (place, event) in events.enumerated() where !kept.contains(where: { $0.index == place }) {
        let covering = kept.first { events[$0.index].key == event.key && $0.index > place && $0.count > 0 }
        #expect(covering != nil && event.priority != .high && event.key != nil, "seed \(seed)")
      }
    }
  }

  @Test("no event stands for another across the border of two groups, and each group fits")
  func groups() {
    var generator = SeededGenerator(11)
    for _ in 0..<200 {
      let events = (0..<Int.random(in: 1...60, using: &generator)).map { _ in
        Event(
          type: "t", key: ["A", "B", "C", nil].randomElement(using: &generator)!, audience: .everyone,
          data: [UInt8](repeating: 0x31, count: Int.random(in: 1...900, using: &generator)), id: "1-a", timestamp: "",
          priority: Int.random(in: 0..<5, using: &generator) == 0 ? .high : nil)
      }
      let kept = Conflation.conflate(events, groupBytes: 2_000) { $0.priority == .high }
      #expect(kept.map(\.index) == kept.map(\.index).sorted())
      #expect(kept.reduce(0) { $0 + 1 + $1.count } == events.count)
      for group in Set(kept.map(\.group)) {
        let members = kept.filter { $0.group == group }
        let bytes = members.reduce(0) { $0 + FramePacking.bound(of: events[$1.index]) }
        #expect(bytes <= 2_000 || members.count == 1)
        let last = kept.last { $0.group == group - 1 }?.index ?? -1
        #expect(members.allSatisfy { $0.first > last })
      }
    }
  }

  @Test(
    "what does not fit one frame is not conflated into one, or a client that got only the first would never hear of it")
  func frames() {
    let events = ["A", "B", "A"].map { key in
      Event(
        type: "t", key: key, audience: .everyone, data: [UInt8](repeating: 0x31, count: 20_000), id: "1-a",
        timestamp: "")
    }
    #expect(Conflation.conflate(events) { _ in false }.map(\.index) == [0, 1, 2])
    #expect(Conflation.conflate(Array(events.dropFirst())) { _ in false }.map(\.group) == [0, 1])
  }
}
