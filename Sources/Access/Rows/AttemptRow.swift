import ConnectionStore

/// The counter of an address's attempts to connect in one window. `Docs/data-model.md`.
enum AttemptRow {
  enum Attribute {
    static let count = "count"
  }

  static let prefix = "r#"
  static let windowSeconds: Int64 = 60
  /// Counted from the start of the window.
  static let keptSeconds = 2 * windowSeconds

  static func key(address: String, windowStart: Int64) -> ItemKey {
    ItemKey(partition: "\(prefix)connect#\(address)", sort: "\(windowStart)")
  }

  /// Counts one more attempt, and answers how many there were.
  static func increment(address: String, windowStart: Int64, in table: any Table) throws(TableError) -> Int64 {
    try table.increment(
      key(address: address, windowStart: windowStart), attribute: Attribute.count, expires: windowStart + keptSeconds)
  }
}
