import LambdaEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry

/// Sends through API Gateway's `@connections`. The client is made for the first frame: most invocations answer by their
/// route response and never need it.
struct ManagementOutbox: Outbox {
  private let access: GatewayAccess
  /// The client of the endpoint that was used last: an API may have several domains.
  private let clock = Clock.system
  private var kept: (endpoint: String, client: ManagementClient)?

  /// The endpoint is `API_GATEWAY_ENDPOINT`; where that is unset, the domain and stage the event came from.
  init(environment: Environment) { access = GatewayAccess(environment: environment) }

  /// What may pass is tried again, for a second at most: a client whose hello fails waits ten.
  private static let pauses: [Int64] = [50, 150, 400]

  /// A frame whose answer was lost may come twice; clients drop what they have.
  mutating func post(_ frame: [UInt8], to destination: Destination) throws -> PostOutcome {
    var pauses = Self.pauses[...]
    while true {
      let outcome = Result {
        try send(Call(verb: .post(frame), id: destination.connectionID), destination: destination)
      }
      switch outcome {
      case .success(let answer) where answer.meaning == .accepted: return .accepted
      case .success(let answer) where answer.meaning == .gone: return .gone
      case .success(let answer) where answer.status != 429 && answer.status < 500:
        throw PostRefused(explanation: answer.explanation)
      case .success, .failure:
        guard let pause = pauses.popFirst() else { return try Self.refused(outcome) }
        clock.pause(pause)
      }
    }
  }

  private static func refused(_ outcome: Result<Answer, any Error>) throws -> PostOutcome {
    throw PostRefused(explanation: try outcome.get().explanation)
  }

  mutating func close(_ destination: Destination) throws {
    let answer = try send(Call(verb: .delete, id: destination.connectionID), destination: destination)
    guard answer.meaning == .accepted || answer.meaning == .gone else {
      throw PostRefused(explanation: answer.explanation)
    }
  }

  private mutating func send(_ call: Call, destination: Destination) throws -> Answer {
    let endpoint =
      access.endpoint ?? GatewayAccess.endpoint(domainName: destination.domainName, stage: destination.stage)
    if let kept, kept.endpoint == endpoint { return try kept.client.send(call) }
    let client = try access.client(for: endpoint)
    kept = (endpoint, client)
    return try client.send(call)
  }
}

/// The `@connections` API refused a frame or a close.
struct PostRefused: LambdaError, CustomStringConvertible {
  /// `403 ForbiddenException: User … is not authorized`
  let explanation: String

  var errorType: String { "Function.PostRefused" }
  var description: String { "@connections answered \(explanation)" }
}
