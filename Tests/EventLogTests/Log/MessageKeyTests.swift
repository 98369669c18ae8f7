import ConnectionStore
import EventLog
import Messaging
import TableBackends
import TestSupport
import Testing

@Suite("events under the keys of their messages")
struct MessageKeyTests {
  private static let stream = "all/t"

  private static func event(_ content: Int, message: String?, given: String? = nil) -> Event {
    Event(
      type: "t", data: bytes("\(content)"), id: "1-\(content)", timestamp: "", idempotencyKey: given,
      messageKey: message)
  }

  /// The contents that the log holds.
  private static func contents(_ log: StreamLog) throws -> [String] {
    guard let head = try log.head(stream: stream) else { return [] }
    return try log.read(stream: stream, head: head, after: 0, limitEvents: 10_000).events.map { text($0.event.data) }
  }

  private static func withTable(
    _ name: String, _ body: (any Table) throws -> Void
  ) throws {
    if name == "memory" { return try body(MemoryTable()) }
    let folder = TemporaryFolder()
    try body(try SQLiteTable(path: folder.file("table.db")))
  }

  @Test("another content under the key of a message is published and reported; each is known when it comes again")
  func another() throws {
    var log = StreamLog(table: MemoryTable())
    let one = Self.event(1, message: "a")
    let other = Self.event(2, message: "a")
    #expect(try log.append([one], to: Self.stream) == [.appended(sequence: 1)])
    #expect(try log.append([other], to: Self.stream) == [.appendedDespiteKey(sequence: 2)])
    for _ in 0..<2 {
      #expect(try log.append([other, one], to: Self.stream) == [.known(sequence: 2), .known(sequence: 1)])
    }
  }

  @Test("a key that a publisher gave is not one that was made, however it is spelled, and goes before it")
  func given() throws {
    var log = StreamLog(table: MemoryTable())
    #expect(try log.append([Self.event(1, message: nil, given: "a")], to: Self.stream) == [.appended(sequence: 1)])
    #expect(try log.append([Self.event(2, message: "a")], to: Self.stream) == [.appended(sequence: 2)])
    #expect(try log.append([Self.event(1, message: "b", given: "a")], to: Self.stream) == [.known(sequence: 1)])
    guard case .refused = try log.append([Self.event(3, message: "c", given: "a")], to: Self.stream)[0] else {
      Issue.record("another content under a given key is taken")
      return
    }
  }

  @Test(
    "whatever messages share a name, in whatever batches and order they come and come again, each content stands once",
    arguments: ["memory", "sqlite"], 0..<20 as Range<UInt64>)
  func property(table: String, seed: UInt64) throws {
    try Self.withTable(table) { table in
      var random = SeededGenerator(seed)
      let names = Int.random(in: 1...4, using: &random)
      var log = StreamLog(table: table)
      var all: Set<String> = []
      for _ in 0..<12 {
        let batch = (0..<Int.random(in: 1...12, using: &random)).map { _ -> Event in
          let name = Int.random(in: 0..<names, using: &random)
          // A content belongs to one name, so that its place among the contents says which events stand.
          let content = name + names * Int.random(in: 0..<4, using: &random)
          return Self.event(content, message: "m\(name)")
        }
        let outcomes = try log.append(batch, to: Self.stream)
        for (event, outcome) in zip(batch, outcomes) {
          let isNew = all.insert(text(event.data)).inserted
          switch outcome {
          case .appended, .appendedDespiteKey: #expect(isNew, "seed \(seed)")
          case .known: #expect(!isNew, "seed \(seed)")
          case .refused: Issue.record("refused, seed \(seed)")
          }
        }
      }
      let stored = try Self.contents(log)
      #expect(stored.count == all.count && Set(stored) == all, "seed \(seed)")
    }
  }

  @Test("whichever call to the table fails, what is appended again stands once")
  func failures() throws {
    let batch = [1, 2, 3, 2].map { Self.event($0, message: "a") }
    for call in 1... {
      let memory = MemoryTable()
      let failing = FailingTable(memory, failing: call)
      var log = StreamLog(table: failing)
      _ = try? log.append(batch, to: Self.stream)
      var again = StreamLog(table: memory)
      _ = try again.append(batch.reversed(), to: Self.stream)
      #expect(try Set(Self.contents(again)) == ["1", "2", "3"], "call \(call)")
      #expect(try Self.contents(again).count == 3, "call \(call)")
      if !failing.hasFailed { return }
    }
  }
}
