import Messaging

/// What a handler sends to its client beside its answer.
protocol Outbox {
  /// Sends a frame.
  mutating func post(_ frame: [UInt8], to destination: Destination) throws -> PostOutcome

  /// Closes the connection; one that is closed already is no error.
  mutating func close(_ destination: Destination) throws
}

enum PostOutcome: Equatable {
  case accepted
  /// The client has left, or its `$connect` has not ended yet.
  case gone
}
