/// What AWS knows a caller by. Its descriptions show the key's id and nothing secret.
package struct Credentials: Sendable, Equatable {
  package let accessKeyID: String
  package let secretAccessKey: String
  /// Of temporary credentials; goes with every request.
  package let sessionToken: String?
  /// When they end, in seconds since the epoch; nil for those that do not end.
  package let expirySecondsSinceEpoch: Int64?

  package init(
    accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expirySecondsSinceEpoch: Int64? = nil
  ) {
    self.accessKeyID = accessKeyID
    self.secretAccessKey = secretAccessKey
    self.sessionToken = sessionToken
    self.expirySecondsSinceEpoch = expirySecondsSinceEpoch
  }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String {
    "Credentials(\(accessKeyID)\(sessionToken == nil ? "" : ", with a session token"))"
  }
  package var debugDescription: String { description }
  /// `dump` and a failed expectation look here.
  package var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}
