package import Messaging

/// One request of API Gateway's `@connections` API.
package struct Call: Sendable {
  package enum Verb: Sendable {
    /// Sends a frame to the client: at most 131,072 bytes of text.
    case post([UInt8])
    /// Asks when the client came and was last active.
    case get
    /// Closes the client's connection.
    case delete
  }

  package let verb: Verb
  package let id: ConnectionID

  package init(verb: Verb, id: ConnectionID) {
    self.verb = verb
    self.id = id
  }

  var name: String {
    switch verb {
    case .post: "POST"
    case .get: "GET"
    case .delete: "DELETE"
    }
  }
}

/// A call without an answer: what was tried, at which host, and what went wrong. The call may have taken effect.
package struct ManagementError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Kind: Sendable {
    case invalidEndpoint
    /// Nothing was sent: there is nothing to sign it with.
    case noCredentials
    case notConnected
    /// The endpoint's certificate, or the handshake, was refused.
    case notTrusted
    /// Nobody answers at the endpoint, not even with a refusal.
    case unreachable
    case closed
    case timedOut
    /// What came is not an HTTP/1.1 answer.
    case garbled
    /// The caller gave up on the call, which may have taken effect.
    case abandoned
    /// The caller gave up on the call before any of it was sent.
    case notSent
  }

  package let kind: Kind
  package let tried: String
  package let host: String
  package let message: String

  package init(_ kind: Kind, tried: String, host: String, message: String) {
    self.kind = kind
    self.tried = tried
    self.host = host
    self.message = message
  }

  package var description: String { "\(tried) \(host): \(message)" }

  /// Whether any other call would end alike, for longer than a fan-out waits.
  package var isLasting: Bool { kind == .noCredentials || kind == .notTrusted || kind == .unreachable }
}

/// How a call that was started has ended.
package struct Completion: Sendable {
  package enum Outcome: Sendable {
    case answered(Answer)
    case failed(ManagementError)
  }

  /// The number the call was started under.
  package let token: Int
  package let outcome: Outcome
  /// How long the answer took, from the first byte sent on; 0 where there is none.
  package let answerMilliseconds: Int64

  package init(token: Int, outcome: Outcome, answerMilliseconds: Int64 = 0) {
    self.token = token
    self.outcome = outcome
    self.answerMilliseconds = answerMilliseconds
  }
}
