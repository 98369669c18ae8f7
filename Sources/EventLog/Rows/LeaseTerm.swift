import ConnectionStore

/// How a lease stands in a row: its holder, and when it ends. The checkpoint of a stream has such attributes, and so has the
/// row beside it, the lease of the stream's lag sender. `Docs/data-model.md`.
///
/// For example: process A acquires a lease of 10,000 ms at 1,000 and writes `holder` A, `end` 11,000. Process B asks at 5,000:
/// refused. A dies; B asks again at 11,001 and has it.
struct LeaseTerm {
  enum Attribute {
    static let version = "v"
    static let holder = "holder"
    static let end = "end"
  }

  /// As long as a stream's head is kept after its last append: a checkpoint that expired before its
  /// head would have the whole log sent again.
  static let keptSeconds: Int64 = 31 * 24 * 60 * 60

  /// How long a lease is that its holder does not prolong.
  let milliseconds: Int64

  /// What lasts longer than a lease can was written by a clock that has been set back since; of two machines the clock of one
  /// may be ahead.
  private var longestMilliseconds: Int64 { 2 * milliseconds }

  /// No process holds the lease.
  func isFree(at now: Int64) -> Condition {
    .any([
      .lacks(Attribute.holder), .less(Attribute.end, .number(now)),
      .greater(Attribute.end, .number(now + longestMilliseconds)),
    ])
  }

  /// Whether a process holds the lease; there may be no row.
  func isLeased(_ item: Item?, at now: Int64) -> Bool {
    guard let item, item.string(Attribute.holder) != nil else { return false }
    return (now...now + longestMilliseconds).contains(item.number(Attribute.end) ?? 0)
  }

  static func hasHolder(_ holder: String) -> Condition { .equals(Attribute.holder, .string(holder)) }

  /// Names the holder, and prolongs the lease.
  func holding(_ holder: String, at now: Int64) -> Change {
    var change = Change()
    change.set = [
      Attribute.version: .number(1), Attribute.holder: .string(holder), Attribute.end: .number(now + milliseconds),
    ]
    change.expires = .at(now / 1000 + Self.keptSeconds)
    return change
  }

  /// The row with the lease acquired, if `free` holds of it. Nil: another process has it.
  func acquire(
    _ key: ItemKey, holder: String, at now: Int64, in table: any Table, if free: Condition
  ) throws(TableError) -> Item? {
    var change = holding(holder, at: now)
    change.createsItem = true
    change.expiresOnCreation = now / 1000 + Self.keptSeconds
    do {
      return try table.update(key, change: change, if: free)
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
    // A backend that lost the answer and tried again is refused by its own write.
    let current = try table.get(key, consistency: .strong)
    return current?.string(Attribute.holder) == holder ? current : nil
  }
}
