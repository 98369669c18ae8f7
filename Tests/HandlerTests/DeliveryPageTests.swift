import ConnectionStore
import EventLog
import Foundation
import Messaging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

/// Follows one event through the table, as `Docs/delivery.md` does.
@Suite("the page that follows one event")
struct DeliveryPageTests {
  private static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Docs/delivery.md")

  @Test("the rows that the page shows after each step are those that the code writes")
  func rows() throws {
    let text = try String(contentsOf: Self.page, encoding: .utf8)
    let story = DeliveryStory()
    try story.run()
    #expect(story.steps.count == 8)
    for (number, step) in story.steps.enumerated() {
      #expect(text.contains("```\n\(step)\n```"), "step \(number) of Docs/delivery.md should show\n\(step)")
    }
    #expect(story.wire.sequences("a") == [7, 7, 8] && story.wire.sequences("b") == [7, 8])
  }
}

/// Two clients, one that lags, one crash.
private final class DeliveryStory {
  private let stage = LagStage()
  private let randomness: Randomness
  private var names: [String: String] = [:]
  private var before: [String: String] = [:]
  /// What changed in the table with each step.
  private(set) var steps: [String] = []
  private var start: Int64 = 0

  var wire: Wire { stage.wire }

  init() {
    let count = Counter()
    randomness = Randomness { count.next() }
  }

  private final class Counter: Sendable {
    private let value = Mutex<UInt64>(0)

    func next() -> UInt64 {
      value.withLock {
        $0 += 1
        return $0
      }
    }
  }

  func run() throws {
    try stage.connect("a", "b")
    try append(1...6)
    send()
    stage.clock.advance(milliseconds: 1_000)
    wire.reset()
    start = stage.clock.clock.milliseconds()
    note()
    try publishAndDie()
    try publishBesideLease()
    stage.clock.advance(milliseconds: 60_000 - 3_000)
    wire.refusing = []
    send()
    note()
    deliverLagging()
    note()
  }

  /// Steps 1 to 3: event 7; `b` refuses it, and the process dies before it moves the checkpoint.
  private func publishAndDie() throws {
    try append(7...7)
    note()
    wire.refusing = ["b"]
    wire.before = { [unowned self] in
      wire.before = nil
      note()
    }
    wire.during = { [unowned self] in
      wire.during = nil
      stage.clock.advance(milliseconds: 5)
    }
    var writes = 0
    let table = WatchedTable(stage.table) { (call) throws(TableError) in
      guard case .update(let key) = call, key == Self.checkpoint else { return }
      writes += 1
      if writes > 1 { throw TableError(code: .unavailable, operation: "update", key: key, detail: "the process died") }
    }
    send(over: table)
    note()
  }

  /// Another process appends event 8 and finds the lease taken.
  private func publishBesideLease() throws {
    stage.clock.advance(milliseconds: 3_000 - 5)
    try append(8...8)
    send()
    note()
  }

  /// Shows the table before the round that ends the lag too.
  private func deliverLagging() {
    var isShown = false
    let table = WatchedTable(stage.table) { [unowned self] (call) throws(TableError) in
      guard case .update(let key) = call, key == Self.checkpoint, !isShown else { return }
      isShown = true
      note()
    }
    _ = sender(over: table).deliverLagging(stream: stage.stream, deadlineMilliseconds: stage.deadline)
  }

  private static let checkpoint = ItemKey(partition: "cp#all%2Fprice%3Aupdate", sort: "0")

  private func sender(over table: any Table) -> StreamSender<Wire> {
    StreamSender(
      table: table, types: .standard, sender: wire, log: Log(minimum: .fatal), clock: stage.clock.clock,
      randomness: randomness)
  }

  private func send(over table: (any Table)? = nil) {
    _ = sender(over: table ?? stage.table).send(stream: stage.stream, deadlineMilliseconds: stage.deadline)
  }

  private func append(_ numbers: ClosedRange<Int>) throws {
    var log = StreamLog(table: stage.table, clock: stage.clock.clock, randomness: randomness)
    _ = try log.append(
      numbers.map { number in
        Event(
          type: "price:update", key: number % 2 == 0 ? "MSFT" : "AAPL", data: bytes("\(number)"),
          id: "\(stage.clock.clock.milliseconds())-\(number)", timestamp: "")
      }, to: stage.stream)
  }

  // MARK: What stands in the table

  private func note() {
    var rows: [String: String] = [:]
    let stream = "all%2Fprice%3Aupdate"
    for partition in ["act#0", "cp#\(stream)", "lag#\(stream)", "s#\(stream)", "v#price%3Aupdate#0"] {
      let items = (try? stage.table.query(Query(partition: partition)).items) ?? []
      for item in items { rows["\(partition) \(item.key.sort)"] = attributes(of: item) }
    }
    let changes = Set(rows.keys).union(before.keys).sorted().compactMap { key -> String? in
      guard rows[key] != before[key] else { return nil }
      guard let row = rows[key] else { return "- \(key)" }
      return "\(before[key] == nil ? "+" : "~") \(key): \(row)"
    }
    before = rows
    steps.append(changes.joined(separator: "\n"))
  }

  private func attributes(of item: Item) -> String {
    let parts = item.attributes.filter { $0.key != "v" }.sorted { $0.key < $1.key }.map { name, value in
      "\(name) \(text(of: value, named: name, in: item))"
    }
    return parts.isEmpty ? "free" : parts.joined(separator: ", ")
  }

  private func text(of value: Value, named name: String, in item: Item) -> String {
    switch (name, value) {
    case ("end", .number(let number)), ("due", .number(let number)), ("roundAt", .number(let number)): since(number)
    case ("at", .number(let number)):
      item.key.partition.hasPrefix("act#") ? "\(number - start / 1_000) s" : since(number)
    case ("holder", .string(let token)), ("writer", .string(let token)), ("epoch", .string(let token)):
      self.name(of: token, kind: name)
    case ("position", .string(let text)):
      text.split(separator: "#").enumerated().map { $0 == 0 ? self.name(of: String($1), kind: "epoch") : String($1) }
        .joined(separator: "#")
    case (_, .number(let number)): "\(number)"
    case (_, .string(let text)): text
    case (_, .bytes): "…"
    }
  }

  private func since(_ milliseconds: Int64) -> String {
    milliseconds < start ? "-\(start - milliseconds)" : "+\(milliseconds - start)"
  }

  private func name(of token: String, kind: String) -> String {
    if let name = names[token] { return name }
    let count = names.values.count { $0.hasPrefix(kind.prefix(1)) } + 1
    names[token] = "\(kind.prefix(1))\(count)"
    return names[token] ?? ""
  }
}

/// A table that says before each call what it is about; the call is not made if that throws.
private final class WatchedTable: ForwardingTable {
  private let table: any Table
  private let before: (TableCall) throws(TableError) -> Void

  init(_ table: any Table, before: @escaping (TableCall) throws(TableError) -> Void) {
    self.table = table
    self.before = before
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    try before(call)
    return try body(table)
  }
}
