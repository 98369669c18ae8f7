package import Connections
package import Messaging

/// Of which events a state is kept, and how much of it: what the file of event types and the settings say.
package struct StateRules: Sendable {
  let types: EventTypeTable
  let limits: StreamLimits

  package init(types: EventTypeTable, limits: StreamLimits) {
    self.types = types
    self.limits = limits
  }

  /// The state of one key is at most so long, as JSON; of a position less, for each of its events says the whole.
  static func maximumBytes(of rule: StateRule) -> Int { rule.fold == .position ? 4 * 1024 : 16 * 1024 }
  /// Of so many events that change a state an append is made at most: their data may grow by what the state has beside.
  static let eventsPerAppend = 24
  /// Beside its claim such an event may write its state, who has it, and the removal of another.
  static let writesPerEvent = 3

  /// What an event does to a state; nil: nothing. Broadcasts have `LastValues`.
  func rule(of event: Event) -> StateRule? {
    guard event.audience != .everyone, event.key != nil else { return nil }
    return types.stateRule(of: event.type)
  }

  /// Why an event is not taken from whoever appends it; nil: it is.
  func refusal(of event: Event, by writer: PositionsWriter) -> EventRefusal? {
    guard rule(of: event)?.fold == .position, writer != limits.positionsWriter else { return nil }
    return EventRefusal(
      code: .notAllowed,
      message:
        "'\(event.type)' to a user or group is written by the \(limits.positionsWriter.rawValue) "
        + "(POSITIONS=\(limits.positionsWriter.rawValue)), not by the \(writer.rawValue)")
  }
}

/// The state of one key of a user or group.
package struct StateValue: Equatable, Sendable {
  /// The log in which the last event that changed it stands, and where.
  package let epoch: String
  package let sequence: Int64
  /// Of the type whose state it is; its data are the state, its id and time those of the last event that changed it.
  package let event: Event

  /// In the order in which they were changed.
  static func isBefore(_ one: StateValue, _ other: StateValue) -> Bool {
    (one.epoch, one.sequence) < (other.epoch, other.sequence)
  }
}
