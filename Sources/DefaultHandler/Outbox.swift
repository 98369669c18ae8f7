import GatewayEvents
import Messaging

/// What a handler sends to its client beside its answer.
protocol Outbox {
  /// Sends a frame to the client of an event. False: the client has left.
  mutating func post(_ frame: [UInt8], to context: RequestContext) throws -> Bool

  /// Closes the connection; one that is closed already is no error.
  mutating func close(_ context: RequestContext) throws
}
