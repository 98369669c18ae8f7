import Messaging

/// What the events of a type that go to one user or group do to a state that is kept for that user or group: what the file
/// says of the type under `state`.
///
/// For example, by the file that is built in, an `order:update` changes the members of its order, an `order:fill` how far that
/// order is filled, and a `position:update` of quantity 0 takes the position out of the portfolio.
package struct StateRule: Equatable, Sendable {
  /// How an event changes the state of its key. `Sources/EventLog/State/StateFold.swift`.
  package enum Fold: String, CaseIterable, Sendable {
    /// Its members take the place of those that the state has, and the others stay.
    case merge
    /// It says how much of an order is filled by now.
    case fill
    /// As `merge`; at quantity 0 the key leaves the state, and the event says what all of them are worth.
    case position
  }

  /// The type whose state it is: the event's own, or another.
  package let type: String
  package let fold: Fold
  /// What a snapshot calls the states of the type: `orders`. Nil for a type that changes the state of another.
  package let list: String?
  /// Whether the table says of each key who has it, whoever asks.
  package let hasOwner: Bool

  package init(type: String, fold: Fold, list: String?, hasOwner: Bool = false) {
    (self.type, self.fold, self.list, self.hasOwner) = (type, fold, list, hasOwner)
  }
}

extension EventTypeTable {
  /// Nil: nothing is kept of its events.
  package func stateRule(of type: String) -> StateRule? { self.type(named: type)?.state }

  /// The types of which a state is kept, in the order of the file.
  package var statefulTypes: [StateRule] { known.compactMap { $0.state?.list == nil ? nil : $0.state } }

  /// By what a snapshot calls it: `orders`.
  package func stateRule(listed list: String) -> StateRule? {
    statefulTypes.first { $0.list?.hasSameBytes(as: list) ?? false }
  }

  /// The form of the data of a type.
  package func version(of type: String) -> Int? { self.type(named: type)?.version }
}

// MARK: The file

extension EventTypeTable {
  private static let stateMembers = ["fold", "list", "of", "owned"]

  /// A type's `state`: `{"fold":"merge","list":"orders"}`, or of which other type's keys it changes the state:
  /// `{"fold":"fill","of":"order:update"}`.
  static func stateRule(_ member: EventTypeMember, of type: EventType) throws(EventTypeFileError) -> StateRule {
    guard type.isPersonal, type.key != nil else { throw member.fault("needs a type that is personal and has a key") }
    let members = try member.members(stateMembers, required: 1)
    guard let word = members[0], let fold = StateRule.Fold(rawValue: try word.text()) else {
      throw members[0]?.fault("must be one of \(StateRule.Fold.allCases.map(\.rawValue).joined(separator: ", "))")
        ?? member.fault("has no 'fold'")
    }
    guard (members[1] == nil) != (members[2] == nil) else { throw member.fault("has either 'list' or 'of'") }
    return StateRule(
      type: try members[2]?.name() ?? type.name, fold: fold, list: try members[1]?.name(),
      hasOwner: try members[3]?.flag() ?? false)
  }

  /// A list has one type, and another type's state is one that is kept.
  func checkState(of type: EventType, member: EventTypeMember) throws(EventTypeFileError) {
    guard let rule = type.state else { return }
    if let list = rule.list, known.contains(where: { $0.name != type.name && $0.state?.list == list }) {
      throw member.fault("'\(list)' is the list of another type")
    }
    guard rule.list == nil else { return }
    guard self.type(named: rule.type)?.state?.list != nil else {
      throw member.fault("'\(rule.type)' is not the name of a type whose state is listed")
    }
  }
}
