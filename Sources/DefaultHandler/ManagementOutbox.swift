import GatewayAccess
import GatewayEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry

/// Sends through API Gateway's `@connections`. The client is made for the first frame: most invocations answer by their route
/// response and never need it.
struct ManagementOutbox: Outbox {
  private let access: GatewayAccess
  /// The client of the endpoint that was used last: an API may have several domains.
  private var kept: (endpoint: String, client: ManagementClient)?

  /// The endpoint is `API_GATEWAY_ENDPOINT`; where that is unset, the domain and stage the event came from.
  init(_ environment: Environment) { access = GatewayAccess(environment) }

  mutating func post(_ frame: [UInt8], to context: RequestContext) throws -> Bool {
    let answer = try send(Call(.post(frame), context.connectionID), context)
    if answer.meaning == .accepted { return true }
    if answer.meaning == .gone { return false }
    throw PostRefused(explanation: answer.explanation)
  }

  mutating func close(_ context: RequestContext) throws {
    let answer = try send(Call(.delete, context.connectionID), context)
    guard answer.meaning == .accepted || answer.meaning == .gone else {
      throw PostRefused(explanation: answer.explanation)
    }
  }

  private mutating func send(_ call: Call, _ context: RequestContext) throws -> Answer {
    let endpoint =
      access.endpoint ?? GatewayAccess.endpoint(domainName: context.domainName, stage: context.stage)
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
