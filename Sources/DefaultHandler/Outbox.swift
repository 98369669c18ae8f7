import LambdaEvents
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

/// A connection, and the API it came by.
struct Destination: Equatable {
  let connectionID: ConnectionID
  /// Both empty: only the endpoint that is set knows the way.
  let domainName: String
  let stage: String

  init(connectionID: ConnectionID, domainName: String, stage: String) {
    self.connectionID = connectionID
    self.domainName = domainName
    self.stage = stage
  }

  init(context: RequestContext) {
    self.init(connectionID: context.connectionID, domainName: context.domainName, stage: context.stage)
  }
}
