/// A connection, and the API it came by: where a frame for it is posted.
package struct Destination: Equatable, Sendable {
  package let connectionID: ConnectionID
  /// Both empty: only the endpoint that is set knows the way.
  package let domainName: String
  package let stage: String

  package init(connectionID: ConnectionID, domainName: String, stage: String) {
    self.connectionID = connectionID
    self.domainName = domainName
    self.stage = stage
  }

  /// Another connection of the same API.
  package func with(_ connectionID: ConnectionID) -> Destination {
    Destination(connectionID: connectionID, domainName: domainName, stage: stage)
  }
}

/// What became of a frame that was posted to a connection.
package enum PostOutcome: Equatable, Sendable {
  case accepted
  /// The client has left, or its `$connect` has not ended yet: API Gateway tells no caller which.
  case gone
}
