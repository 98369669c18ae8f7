/// What a table could not do: what was tried, on which item, and what the backend said.
public struct TableError: Error, Equatable, CustomStringConvertible {
  /// What went wrong, as far as callers act on it.
  public enum Code: Equatable, Sendable {
    /// The condition did not hold; nothing was changed.
    case conditionFailed
    /// The places, in the order given, of the writes whose conditions did not hold; nothing was changed.
    case transactionFailed([Int])
    /// Another writer was in the way for too long; nothing was changed.
    case contention
    /// No answer, or one that leaves open whether a write was done.
    case unavailable
    /// The backend limits the rate; nothing was changed.
    case throttled
    /// The request breaks the contract: an empty key, too large an item, a key twice in a batch.
    case invalidRequest
    /// The table is not there, may not be opened, or has no room left.
    case unusable
    /// What was read is not what this project writes.
    case corrupt
  }

  /// What went wrong.
  public let code: Code
  /// Whether the same request may succeed a little later with nobody doing anything about it.
  public var mayPass: Bool {
    switch code {
    case .contention, .unavailable, .throttled: true
    case .conditionFailed, .transactionFailed, .invalidRequest, .unusable, .corrupt: false
    }
  }
  /// `get`, `put`, `update`, `delete`, `query`, `writeBatch`, `transact`, `open`.
  public let operation: String
  /// Of calls about one item; nil: about several or none.
  public let key: ItemKey?
  /// What the backend said, or which rule was broken.
  public let detail: String

  /// For a table of one's own and for tests of what a failure does.
  public init(code: Code, operation: String, key: ItemKey? = nil, detail: String = "") {
    self.code = code
    self.operation = operation
    self.key = key
    self.detail = detail
  }

  /// `table put c#R0o=/c: the condition does not hold`
  public var description: String {
    let shownKey = key.map { " \($0)" } ?? ""
    return "table \(operation)\(shownKey): \(reason)\(detail.isEmpty ? "" : " (\(detail))")"
  }

  private var reason: String {
    switch code {
    case .conditionFailed: "the condition does not hold"
    case .transactionFailed(let indices): "conditions \(indices) of the transaction do not hold"
    case .contention: "another writer was in the way for too long"
    case .unavailable: "the table did not answer"
    case .throttled: "the table limits the rate"
    case .invalidRequest: "the request is not allowed"
    case .unusable: "the table cannot be used"
    case .corrupt: "the table holds something unknown"
    }
  }
}
