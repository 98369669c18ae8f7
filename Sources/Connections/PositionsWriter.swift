package import Telemetry

/// Who works out what positions a user or group has, and so publishes the events of a type whose state are positions.
package enum PositionsWriter: String, CaseIterable, Sendable {
  /// The application publishes each position that changed.
  case application
  /// A function that follows orders and prices; what an application publishes of positions is refused.
  case follower
}

extension PositionsWriter {
  package init(environment: Environment) throws(StreamLimitError) {
    guard let text = environment["POSITIONS"] else {
      self = .application
      return
    }
    guard let writer = PositionsWriter(rawValue: text) else {
      throw StreamLimitError(name: "POSITIONS", value: text, allowed: Self.allCases.map(\.rawValue))
    }
    self = writer
  }
}
