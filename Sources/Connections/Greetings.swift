package import ConnectionStore
package import Messaging
import Telemetry

/// Whether a client is to be greeted, and how far that has come.
package enum GreetingState: Equatable, Sendable {
  /// It will say hello, or came before greetings were claimed.
  case none
  case due
  /// By somebody who posts it now, in milliseconds since the epoch.
  case claimed(atMilliseconds: Int64)
  case done

  /// As the connection's row keeps it.
  var number: Int64? {
    switch self {
    case .none: nil
    case .due: 0
    case .done: 1
    case .claimed(let moment): moment
    }
  }

  init(number: Int64?) {
    switch number {
    case nil: self = .none
    case 0: self = .due
    case 1: self = .done
    case .some(let moment): self = .claimed(atMilliseconds: moment)
    }
  }
}

/// One greeting a connection, whoever comes to it first: the invocation that `$connect` asked for, or the first frame.
extension Connections {
  /// Longer than anybody tries to post a greeting: a claim that is older was left by a process that died.
  static let claimMilliseconds: Int64 = 6_000

  /// Takes on the greeting of a connection. False: somebody else has, or it was greeted, or has left.
  package func claimGreeting(of id: ConnectionID) throws(TableError) -> Bool {
    let now = clock.milliseconds()
    return try updateIfAllowed(
      id, change: ConnectionRow.greeted(.claimed(atMilliseconds: now)),
      if: ConnectionRow.isGreetingFree(before: now - Self.claimMilliseconds))
  }

  /// The greeting was posted.
  package func recordGreeted(_ id: ConnectionID) throws(TableError) {
    _ = try updateIfAllowed(id, change: ConnectionRow.greeted(.done), if: ConnectionRow.isLive)
  }

  /// A change beside those of the subscriptions, which it neither waits for nor stops. False: the condition did not
  /// hold.
  func updateIfAllowed(
    _ id: ConnectionID, change: Change, if condition: Condition
  ) throws(TableError) -> Bool {
    do {
      try table.update(ConnectionRow.key(id: id), change: change, if: condition)
      return true
    } catch {
      guard error.code == .conditionFailed else { throw error }
      return false
    }
  }
}

extension ConnectionRow {
  static func greeted(_ state: GreetingState) -> Change {
    var change = Change()
    if let number = state.number { change.set[Attribute.greeted] = .number(number) }
    return change
  }

  /// It is to be greeted, and nobody is at it; or whoever was had begun before that moment.
  static func isGreetingFree(before moment: Int64) -> Condition {
    .all([
      isLive,
      .any([
        .equals(Attribute.greeted, .number(0)),
        .all([.greater(Attribute.greeted, .number(1)), .less(Attribute.greeted, .number(moment))]),
      ]),
    ])
  }

  /// Of a row that is there: no tombstone.
  static var isLive: Condition { .lacks(Attribute.gone) }
}
