import ConnectionStore
import EventLog
import JSON
import LambdaEvents
import Messaging
import TableBackends
import TestSupport
import Testing

@testable import Publisher

/// What a message of a test holds. Each bears numbers that no other bears, by which its events are found in the log.
private enum Body {
  /// Events of ours, one alone or several in a list.
  case events([Int])
  /// One that cannot be appended while the table is broken, beside one that can.
  case broken(Int)
  /// One good event beside two that are refused.
  case mixed(Int)
  case reserved, taken(Int)
  case notJSON(Int), finding(Int)
  case notBase64, lags, aggregate

  init(_ number: Int, _ source: SourceMessages, _ random: inout SeededGenerator) {
    let encoded: [Body] = source.isEncoded ? [.notBase64, .lags] : []
    let aggregate: [Body] = source.isKinesis ? [.aggregate] : []
    let text: [Body] = source == .eventBridge ? [] : [.notJSON(number)]
    let some: [Body] =
      [
        .events([number]), .events([number]), .events([number, number + 1, number + 2]), .broken(number),
        .mixed(number), .reserved, .taken(number), .finding(number),
      ] + text + encoded + aggregate
    self = some.randomElement(using: &random) ?? .reserved
  }

  var content: SourceMessages.Content {
    func event(_ number: Int, type: String? = nil) -> String {
      #"{"type":"\#(type ?? "t\(number % 2)")","data":{"n":\#(number)}}"#
    }
    switch self {
    case .events(let numbers) where numbers.count == 1: return .text(event(numbers[0]))
    case .events(let numbers):
      return .text("{\"events\":[\(numbers.map { event($0) }.joined(separator: ","))]}")
    case .broken(let number):
      return .text("{\"events\":[\(event(number)),\(event(number + 1, type: "broken"))]}")
    case .mixed(let number): return .text("{\"events\":[7,\(event(number)),{\"data\":1}]}")
    case .reserved: return .text(#"{"type":"ready","data":1}"#)
    case .taken(let number): return .text(#"{"type":"t0","data":{"n":\#(number)},"idempotencyKey":"taken"}"#)
    case .notJSON(let number): return .text("login \(number) ")
    case .finding(let number): return .text(#"{"type":"Unauthorized","severity":8,"n":\#(number)}"#)
    case .notBase64: return .raw("***")
    case .lags: return .none
    case .aggregate: return .raw("84mawgECAw==")
    }
  }

  /// What each is found by in the log once it is published, and how many lines tell of a refusal.
  func outcome(_ source: SourceMessages) -> (published: [String], rejected: Int) {
    switch self {
    case .events(let numbers): return (numbers.map { "\"n\":\($0)}" }, 0)
    case .broken(let number): return (["\"n\":\(number)}", "\"n\":\(number + 1)}"], 0)
    case .mixed(let number): return (["\"n\":\(number)}"], 2)
    case .reserved, .taken: return ([], 1)
    // An attribute that is no event is one like any other.
    case .notJSON(let number): return source.isTable ? (["login \(number) "], 0) : ([], 1)
    case .finding(let number):
      if source == .eventBridge { return (["\"n\":\(number)}"], 0) }
      return source.isTable ? (["\\\"n\\\":\(number)}"], 0) : ([], 1)
    case .notBase64, .lags, .aggregate: return ([], 1)
    }
  }
}

@Suite("no message is lost without a word")
struct NothingLostTests {
  /// A Publisher, and what its log and its lines say.
  private final class Publishing {
    let stage: Stage
    private let source: SourceMessages
    private let folder = TemporaryFolder()
    private var linesRead = 0

    init(_ source: SourceMessages, _ table: String) throws {
      self.source = source
      let path = folder.file("table.db")
      stage = try Stage(over: { clock -> any Table in
        if table == "memory" { return MemoryTable(clock: clock) }
        return try SQLiteTable(path: path, clock: clock)
      })
      _ = try stage.publish(#"{"type":"t0","data":0,"idempotencyKey":"taken"}"#)
    }

    /// The places of the messages that come again, and the new lines.
    func deliver(_ bodies: [Body], isBroken: Bool = false) throws -> (again: Set<Int>, lines: [String]) {
      let payload = source.invocation(bodies.map(\.content))
      let records = try SourceBatch(decoding: bytes(payload)).records
      var again: Set<Int> = []
      do {
        let answer = try stage.publish(payload, over: isBroken ? BrokenStreamTable(stage.table) : nil)
        again = try comingAgain(answer, records)
      } catch is InvocationFailed {
        again = Set(records.indices)
      }
      let new = Array(stage.lines.all.dropFirst(linesRead))
      linesRead += new.count
      return (again, new)
    }

    /// As the source reads the answer: what is named, and what its source gives back with it.
    private func comingAgain(_ answer: String, _ records: [SourceRecord]) throws -> Set<Int> {
      let items = answer.split(separator: "{\"itemIdentifier\":").dropFirst()
      let named = Set(
        records.indices.filter { label in
          items.contains { item in
            source == .msk || source == .kafka
              ? item.hasPrefix(
                "{\"partition\":\"\(records[label].partition)\",\"offset\":\(records[label].identifier)}")
              : item.hasPrefix("\"\(records[label].identifier)\"")
          }
        })
      #expect(named.count == items.count)
      guard let first = named.min() else { return [] }
      switch source {
      case .kinesis, .dynamoDB: return Set(first..<records.count)
      case .msk, .kafka:
        return Set(
          records.indices.filter { label in
            named.contains { $0 <= label && records[$0].partition == records[label].partition }
          })
      default: return named
      }
    }

    /// The data of every event of every stream.
    func published() throws -> [String] {
      let log = StreamLog(table: stage.table, clock: stage.clock.clock)
      return try ["t0", "t1", "broken", "found", "table:insert"].flatMap { type -> [String] in
        guard let head = try log.head(stream: "all/\(type)") else { return [] }
        return try log.read(stream: "all/\(type)", head: head, after: 0, limitEvents: 10_000).events.map {
          text($0.event.data)
        }
      }
    }
  }

  /// How often each is told of, by the name of its message.
  private func told(_ lines: [String], named name: String) -> Int {
    lines.count {
      $0.contains(#""message":"event rejected""#) && $0.contains("\"messageId\":\"\(name)\"")
        && $0.contains(#""code":""#) && !$0.contains(#""reason":"""#)
    }
  }

  @Test(
    "each is published, comes again, or is reported once; twice delivered it is published once, and with another content too",
    arguments: SourceMessages.allCases, ["memory", "sqlite"])
  func property(source: SourceMessages, table: String) throws {
    for seed in 0..<(table == "memory" ? 12 : 2) as Range<UInt64> {
      var random = SeededGenerator(seed)
      let publishing = try Publishing(source, table)
      let count = source.isSingle ? 1 : Int.random(in: 1...8, using: &random)
      let bodies = (0..<count).map { Body(10 * ($0 + 1), source, &random) }
      try check(publishing, bodies, source, isBroken: true, seed)
      try check(publishing, bodies, source, isBroken: false, seed)
      try check(publishing, bodies, source, isBroken: false, seed)
      try checkOthers(publishing, bodies, source, seed)
    }
  }

  private func check(
    _ publishing: Publishing, _ bodies: [Body], _ source: SourceMessages, isBroken: Bool, _ seed: UInt64
  ) throws {
    let label = "\(source), seed \(seed), \(bodies)"
    let (again, lines) = try publishing.deliver(bodies, isBroken: isBroken)
    let published = try publishing.published()
    let records = try SourceBatch(decoding: bytes(source.invocation(bodies.map(\.content)))).records
    if !isBroken { #expect(again.isEmpty, "\(label)") }
    // Records stand in the order of their partitions.
    let order =
      [SourceMessages.msk, .kafka].contains(source)
      ? bodies.indices.filter { $0 % 2 == 0 } + bodies.indices.filter { $0 % 2 == 1 } : Array(bodies.indices)
    var rejected: [String: Int] = [:]
    for (record, body) in zip(records.indices, order.map { bodies[$0] }) {
      let outcome = body.outcome(source)
      rejected[records[record].name, default: 0] += again.contains(record) ? 0 : outcome.rejected
      for checkpoint in outcome.published where !again.contains(record) {
        let count = published.count { $0.contains(checkpoint) }
        #expect(records[record].key == nil ? count >= 1 : count == 1, "\(checkpoint) \(count) times: \(label)")
      }
    }
    for (name, count) in rejected { #expect(told(lines, named: name) == count, "\(name): \(label)") }
  }

  /// The same messages by name, with another content each.
  private func checkOthers(
    _ publishing: Publishing, _ bodies: [Body], _ source: SourceMessages, _ seed: UInt64
  ) throws {
    let others = bodies.map { body -> Body in
      switch body {
      case .events(let numbers): .events(numbers.map { $0 + 1_000 })
      case .broken(let number): .broken(number + 1_000)
      case .mixed(let number): .mixed(number + 1_000)
      case .taken(let number): .taken(number + 1_000)
      case .notJSON(let number): .notJSON(number + 1_000)
      case .finding(let number): .finding(number + 1_000)
      default: body
      }
    }
    let label = "\(source), seed \(seed), \(others)"
    let (again, lines) = try publishing.deliver(others)
    #expect(again.isEmpty, "\(label)")
    let published = try publishing.published()
    let checkpoints = others.flatMap { $0.outcome(source).published }
    for checkpoint in checkpoints {
      #expect(published.count { $0.contains(checkpoint) } == 1, "\(checkpoint): \(label)")
    }
    let warned = lines.count { $0.contains("message_key_taken") }
    // A key with the content in it is never taken by another.
    #expect(warned == (source.isRabbitMQ ? 0 : checkpoints.count), "\(label)")
  }
}
