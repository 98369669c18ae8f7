import ConnectionStore
import Telemetry
import TestSupport
import Testing

/// The same random calls on all backends, each with its own copy of the time: every answer must be the same.
@Suite("all backends alike")
struct DifferentialTests {
  @Test("all answer random calls alike", arguments: [nil, 1, 2, 3] as [UInt64?])
  func alike(_ fixed: UInt64?) throws {
    let seed = fixed ?? Randomness.system.next()
    let stages = try Backend.atomic.map { try $0.open() }
    var calls = RandomCalls(seed: seed, now: stages[0].time.seconds)
    // An emulator takes its time.
    for step in 0..<(stages.count == 2 ? 1500 : 400) {
      let call = calls.next()
      let answers = stages.map { call.answer(of: $0) }
      for (backend, answer) in zip(Backend.atomic, answers) {
        try #require(
          answers[0].isLike(answer), "\(backend), seed \(seed), step \(step): \(call)\n\(answers[0])\n\(answer)")
      }
    }
  }
}

/// One call, and what a table says to it in a form that can be compared.
enum Call {
  case get(ItemKey)
  case write(TransactionWrite)
  case transact([TransactionWrite])
  case batch([BatchWrite])
  case query(Query)
  case wait(seconds: Int64)

  enum Answer: Equatable {
    case item(Item?)
    case page(Page)
    case done
    case refused(TableError)

    /// The same but for how a refusal is worded.
    func isLike(_ other: Answer) -> Bool {
      if case .refused(let one) = self, case .refused(let another) = other { return one.code == another.code }
      return self == other
    }
  }

  func answer(of stage: Stage) -> Answer {
    do throws(TableError) {
      switch self {
      case .get(let key): return .item(try stage.table.get(key, consistency: .strong))
      case .query(let query): return .page(try stage.table.query(query))
      case .batch(let writes): try stage.table.writeBatch(writes)
      case .transact(let writes): try stage.table.transact(writes)
      case .write(.put(let item, let condition)): try stage.table.put(item, if: condition)
      case .write(.update(let key, let change, let condition)):
        return .item(try stage.table.update(key, change: change, if: condition))
      case .write(.delete(let key, let condition)): try stage.table.delete(key, if: condition)
      case .write(let check): try stage.table.transact([check])
      case .wait(let seconds): stage.time.advance(seconds: seconds)
      }
      return .done
    } catch {
      return .refused(error)
    }
  }
}

/// Calls on few keys, so that they meet; the time moves on, so that items expire.
struct RandomCalls {
  private var random: SeededGenerator
  private var now: Int64

  private static let partitions = ["p", "p\u{0}", "é", "e\u{301}"]
  private static let sorts = ["a", "a#", "a\u{0}", "a%", "aa", "b", "'", "\u{E9}", "e\u{301}", "\u{10FFFF}"]
  private static let names = ["n", "s", "b"]

  init(seed: UInt64, now: Int64) {
    random = SeededGenerator(seed)
    self.now = now
  }

  mutating func next() -> Call {
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<4: return .get(key())
    case 4..<11: return .write(write())
    case 11..<14: return .transact((0..<Int.random(in: 0...4, using: &random)).map { _ in write() })
    case 14: return .batch((0..<Int.random(in: 0...5, using: &random)).map { _ in batchWrite() })
    case 15..<19: return .query(query())
    default:
      let seconds = Int64.random(in: 0...4, using: &random)
      now += seconds
      return .wait(seconds: seconds)
    }
  }

  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &random)! }

  private mutating func key() -> ItemKey { ItemKey(partition: pick(Self.partitions), sort: pick(Self.sorts)) }

  private mutating func value() -> Value {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: .string(pick(["", "a", "é", "e\u{301}"]))
    case 1: .bytes(pick([[], [0], [0xFF], [0, 1]]))
    default: .number(pick([0, 1, 2, -1, .max, .min]))
    }
  }

  private mutating func expires() -> Int64? { pick([nil, now + 1, now + 3, now, now - 1]) }

  private mutating func item() -> Item {
    var item = Item(key: key(), expires: expires())
    for name in Self.names where Bool.random(using: &random) { item[name] = value() }
    return item
  }

  private mutating func condition(depth: Int = 0) -> Condition {
    switch Int.random(in: 0..<(depth < 2 ? 10 : 8), using: &random) {
    case 0..<3: .always
    case 3: .absent
    case 4: .exists
    case 5: .equals(pick(Self.names), value())
    case 6: .less(pick(Self.names), value())
    case 7: .lacks(pick(Self.names))
    case 8: .all([condition(depth: depth + 1), condition(depth: depth + 1)])
    default: .any([condition(depth: depth + 1), condition(depth: depth + 1)])
    }
  }

  private mutating func change() -> Change {
    var change = Change()
    for name in Self.names {
      switch Int.random(in: 0..<6, using: &random) {
      case 0: change.set[name] = value()
      case 1: change.add[name] = pick([1, -1, 5, .max])
      case 2: change.remove.insert(name)
      default: break
      }
    }
    change.createsItem = Bool.random(using: &random)
    change.expiresOnCreation = expires()
    change.expires = pick([.keep, .keep, .never, .at(now + 2), .at(now)])
    return change
  }

  private mutating func write() -> TransactionWrite {
    switch Int.random(in: 0..<8, using: &random) {
    case 0..<3: .put(item(), if: condition())
    case 3..<6: .update(key(), change(), if: condition())
    case 6: .delete(key(), if: condition())
    default: .check(key(), condition())
    }
  }

  private mutating func batchWrite() -> BatchWrite {
    Bool.random(using: &random) ? .put(item()) : .delete(key())
  }

  private mutating func query() -> Query {
    let sort: Query.SortRange =
      switch Int.random(in: 0..<3, using: &random) {
      case 0: .all
      case 1: .prefix(pick(Self.sorts + [""]))
      default: .between(pick([nil] + Self.sorts), pick([nil] + Self.sorts))
      }
    let after = Bool.random(using: &random) ? pick(Self.sorts) : nil
    return Query(partition: pick(Self.partitions), sort: sort, limit: pick([1, 2, 3, 100]), after: after)
  }
}
