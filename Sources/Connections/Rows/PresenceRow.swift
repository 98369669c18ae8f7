import ConnectionStore
import HTTPWire
import Messaging

/// The row that says when the last client of a user was seen. `Docs/data-model.md`.
struct PresenceRow {
  enum Attribute {
    static let version = "v"
    static let left = "left"
    static let lapsed = "lapsed"
  }

  static let prefix = "p#"
  static let sort = "p"
  /// As long as any log may hold something.
  static let keptSeconds: Int64 = StreamLimits.longestLogSeconds + 60 * 60

  static func key(user: String) -> ItemKey {
    ItemKey(partition: "\(prefix)\(PercentEncoding.encode(user))", sort: sort)
  }

  /// The last client has left.
  static func left(atMilliseconds moment: Int64, nowSeconds: Int64) -> Change {
    var change = writing(nowSeconds: nowSeconds)
    change.set[Attribute.left] = .number(moment)
    return change
  }

  /// A client is here: what the last one to leave said is no longer so.
  static func present(lapsedMilliseconds: Int64, nowSeconds: Int64) -> Change {
    var change = writing(nowSeconds: nowSeconds)
    change.remove = [Attribute.left]
    change.set[Attribute.lapsed] = .number(lapsedMilliseconds)
    return change
  }

  /// It was not the last one after all.
  static func withdrawn() -> Change {
    var change = Change()
    change.remove = [Attribute.left]
    return change
  }

  static func isLeft(atMilliseconds moment: Int64) -> Condition { .equals(Attribute.left, .number(moment)) }

  private static func writing(nowSeconds: Int64) -> Change {
    var change = Change()
    change.set[Attribute.version] = .number(1)
    change.createsItem = true
    change.expires = .at(nowSeconds + keptSeconds)
    change.expiresOnCreation = nowSeconds + keptSeconds
    return change
  }

  /// Nil: a client may be here.
  let leftMilliseconds: Int64?
  let lapsedMilliseconds: Int64

  init(_ item: Item) {
    leftMilliseconds = item.number(Attribute.left)
    lapsedMilliseconds = item.number(Attribute.lapsed) ?? 0
  }
}
