import GatewayEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry

/// Sends through API Gateway's `@connections`. The client is made for the first frame: most invocations answer by their route
/// response and never need it.
struct ManagementOutbox: Outbox {
  private let endpoint: String?
  private var client: ManagementClient?

  /// The endpoint is `API_GATEWAY_ENDPOINT`; where that is unset, the domain and stage the event came from.
  init(_ environment: Environment) { endpoint = environment["API_GATEWAY_ENDPOINT"] }

  mutating func post(_ frame: [UInt8], to context: RequestContext) throws -> Bool {
    let answer = try send(Call(.post(frame), context.connectionID), context)
    if (200..<300).contains(answer.status) { return true }
    if answer.status == 410 { return false }
    throw PostRefused(status: answer.status, errorType: answer.errorType ?? "")
  }

  mutating func close(_ context: RequestContext) throws {
    let answer = try send(Call(.delete, context.connectionID), context)
    guard (200..<300).contains(answer.status) || answer.status == 410 else {
      throw PostRefused(status: answer.status, errorType: answer.errorType ?? "")
    }
  }

  private mutating func send(_ call: Call, _ context: RequestContext) throws(ManagementError) -> Answer {
    if let client { return try client.send(call) }
    let new = try ManagementClient(endpoint: endpoint ?? "https://\(context.domainName)/\(context.stage)")
    client = new
    return try new.send(call)
  }
}

/// The `@connections` API refused a frame or a close.
struct PostRefused: LambdaError, CustomStringConvertible {
  let status: Int
  let reason: String

  init(status: Int, errorType: String) {
    self.status = status
    reason = errorType
  }

  var errorType: String { "Function.PostRefused" }
  var description: String { "@connections answered \(status) \(reason)" }
}
