import ManagementAPI
import Messaging

/// What a handler sends to its client beside its answer.
protocol Outbox {
  mutating func post(_ frame: [UInt8], to destination: Destination) throws -> PostOutcome

  /// One that is closed already is no error.
  mutating func close(_ destination: Destination) throws
}

extension ConnectionsClient: Outbox {}
