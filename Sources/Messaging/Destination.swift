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
}
