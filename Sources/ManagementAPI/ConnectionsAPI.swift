public import Messaging
package import Telemetry

/// Sends to clients, closes their connections and asks whether they are there, by API Gateway's `@connections`.
///
///     let connections = ConnectionsAPI()
///     if try connections.post("hello", to: id) == .gone { … }      // the client has left
///
/// The API is at `API_GATEWAY_ENDPOINT`, which the local gateway and the template of `infra` set; where it is unset, at
/// the endpoint that a call names. Calls to an `https` endpoint are signed with the credentials that the AWS SDKs would
/// find. One value serves all invocations of a function: it keeps its connection to the API.
///
/// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
public final class ConnectionsAPI {
  /// What became of a call.
  public enum Outcome: Equatable, Sendable {
    /// API Gateway took it.
    case accepted
    /// The client has left, or its `$connect` has not ended yet.
    case gone
  }

  private var client: ConnectionsClient

  /// Reads `API_GATEWAY_ENDPOINT` and `API_GATEWAY_SIGN`; connects when it is used first.
  public convenience init() { self.init(environment: .process) }

  package init(environment: Environment, clock: Clock = .system) {
    client = ConnectionsClient(environment: environment, clock: clock)
  }

  /// Sends a frame of text, 128 KB at most, to one connection.
  ///
  /// Throws where API Gateway refused it or could not be reached; the client may have got it all the same.
  public func post(_ text: String, to id: ConnectionID, endpoint: String? = nil) throws -> Outcome {
    try call(.post(Array(text.utf8)), id: id, endpoint: endpoint)
  }

  /// Closes a connection. Its `$disconnect` runs afterwards.
  public func close(_ id: ConnectionID, endpoint: String? = nil) throws -> Outcome {
    try call(.delete, id: id, endpoint: endpoint)
  }

  /// Asks whether a connection is there, without sending the client anything.
  public func probe(_ id: ConnectionID, endpoint: String? = nil) throws -> Outcome {
    try call(.get, id: id, endpoint: endpoint)
  }

  private func call(_ verb: Call.Verb, id: ConnectionID, endpoint: String?) throws -> Outcome {
    let answer = try client.send(Call(verb: verb, id: id), endpoint: endpoint)
    switch answer.outcome {
    case .accepted: return .accepted
    case .gone: return .gone
    case nil: throw ConnectionsAPIError(id: id, explanation: answer.explanation)
    }
  }
}

/// The `@connections` API answered a call with a refusal.
public struct ConnectionsAPIError: Error, Equatable, CustomStringConvertible {
  /// The connection that was called.
  public let id: ConnectionID
  /// Status, type and message: `403 ForbiddenException: User … is not authorized`.
  public let explanation: String

  /// `@connections answered 413 PayloadTooLargeException for R0oXAdfD0kwCH6w=`
  public var description: String { "@connections answered \(explanation) for \(id)" }
}
