import ConnectionStore
import EventLog
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

/// A log over a table that deletes what has expired late and in any order, and shows it until then: what a backend may
/// do whose clock is wrong, or which says "deleted" later than it should.
private struct LateTable {
  let clock = SettableClock()
  /// Of a table whose own clock stands still, so that nothing expires by itself.
  let table = MemoryTable(clock: SettableClock().clock)
  let stream = "all/price:update"
  /// The name of each event, by epoch and sequence number.
  var names: [String: [Int64: String]] = [:]
  var made = 0

  var partition: String { "s#all%2Fprice%3Aupdate" }

  func log() -> StreamLog { StreamLog(table: table, clock: clock.clock) }

  mutating func append(_ count: Int) throws {
    var log = log()
    let events = (0..<count).map { number in
      Event(
        type: "price:update", key: "K\(number % 3)", data: bytes("\(made + number)"), id: "1-\(made + number)",
        timestamp: "")
    }
    made += count
    let outcomes = try log.append(events, to: stream)
    guard let head = try log.head(stream: stream) else { return }
    for (event, outcome) in zip(events, outcomes) {
      guard case .appended(let sequence) = outcome else { continue }
      names[head.epoch, default: [:]][sequence] = event.id
    }
  }

  /// Deletes some of what has expired, the head too.
  func deleteSome(_ random: inout SeededGenerator) throws {
    for item in try table.query(Query(partition: partition)).items.shuffled(using: &random)
    where (item.expires ?? .max) <= clock.seconds && Int.random(in: 0..<3, using: &random) == 0 {
      try table.delete(item.key, if: .always)
    }
  }

  /// The sequence numbers whose segments stand, of one epoch.
  func stored(_ epoch: String) throws -> Set<Int64> {
    var numbers: Set<Int64> = []
    for item in try table.query(Query(partition: partition)).items where item.string("epoch") == epoch {
      guard let first = Int64(item.key.sort), let count = item.number("count") else { continue }
      numbers.formUnion(first..<first + count)
    }
    return numbers
  }

  /// Everything after this one up to the head stands.
  func lastGap(_ head: LogHead) throws -> Int64 {
    let stored = try stored(head.epoch)
    var position = head.last
    while position > 0, stored.contains(position) { position -= 1 }
    return position
  }

  /// Appends, waits, deletes, for a while.
  mutating func live(_ random: inout SeededGenerator, steps: Int) throws {
    for _ in 0..<steps {
      switch Int.random(in: 0..<10, using: &random) {
      case 0...4: try append(Int.random(in: 1...8, using: &random))
      case 5: clock.advance(seconds: Int64.random(in: 1...10 * 60 * 60, using: &random))
      case 6 where Int.random(in: 0..<4, using: &random) == 0: clock.advance(seconds: 31 * 24 * 60 * 60)
      default: try deleteSome(&random)
      }
    }
  }
}

@Suite("what expires late and out of order")
struct LateExpiryTests {
  @Test(
    "gives a reader no hole and no event of another log: what stands before a gap counts as gone, what stands after it comes",
    arguments: 0..<60 as Range<UInt64>)
  func pages(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var late = LateTable()
    var oldHeads: [LogHead] = []
    for _ in 0..<12 {
      try late.live(&random, steps: 8)
      let log = late.log()
      guard let head = try log.head(stream: late.stream) else { continue }
      oldHeads.append(head)
      // Somebody may still go by a head that has been made anew since.
      for head in [head, oldHeads.randomElement(using: &random) ?? head] {
        let stored = try late.stored(head.epoch)
        var position = Int64.random(in: 0...head.last, using: &random)
        while position < head.last {
          let page = try log.read(
            stream: late.stream, head: head, after: position, limitEvents: Int.random(in: 1...20, using: &random))
          let label: Comment = "seed \(seed), \(head), after \(position): \(page.events.map(\.sequence))"
          #expect(page.through > position, label)
          for (before, next) in zip(page.events, page.events.dropFirst()) {
            #expect(next.sequence == before.sequence + 1, label)
          }
          for event in page.events {
            #expect(late.names[head.epoch]?[event.sequence] == event.event.id, label)
          }
          // All that stands between what was asked for and how far it was read, from the last gap on.
          var expected: [Int64] = []
          for sequence in position + 1..<page.through + 1 {
            if stored.contains(sequence) { expected.append(sequence) } else { expected = [] }
          }
          #expect(page.events.map(\.sequence) == expected, label)
          position = max(position + 1, page.through)
        }
      }
    }
  }

  @Test(
    "a client that comes back gets everything after the last gap and the exact count of what is lost",
    arguments: 0..<60 as Range<UInt64>)
  func recovery(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    var late = LateTable()
    let record = World().record(["price:update"], user: nil)
    for _ in 0..<10 {
      try late.live(&random, steps: 8)
      guard let head = try late.log().head(stream: late.stream) else { continue }
      let position = Int64.random(in: 0...head.last, using: &random)
      var cursor = Cursor()
      cursor.set(stream: late.stream, epoch: head.epoch, to: position)
      let reader = RecoveryReader(table: late.table, types: .standard, clock: late.clock.clock)
      let part = try #require(try reader.recover(record: record, cursor: cursor.text).parts.first)
      let base = max(position, try late.lastGap(head))
      let label: Comment = "seed \(seed), \(head), after \(position): \(part.events.map(\.sequence))"
      #expect(part.base == base && part.missed == base - position, label)
      #expect(part.extent == (base == position ? .all : base == head.last ? Recovery.Extent.none : .part), label)
      #expect(part.reason == (base == position ? nil : .expired), label)
      #expect(part.events.map(\.sequence) == Array(base..<head.last).map { $0 + 1 }, label)
      #expect(part.events.map(\.event.id) == part.events.map { late.names[head.epoch]?[$0.sequence] ?? "" }, label)
    }
  }
}
