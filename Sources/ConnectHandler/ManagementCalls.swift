import LambdaEvents
import ManagementAPI
import Messaging
import Telemetry

/// Asks and closes through API Gateway's `@connections`. The client is made when it is needed first: hardly ever.
struct ManagementCalls: ConnectionCalls {
  private let access: GatewayAccess
  private let clock: Clock
  /// The client of the endpoint that was used last: an API may have several domains.
  private var kept: (endpoint: String, client: ManagementClient)?

  /// A client waits for its handshake meanwhile.
  private static let waitMilliseconds: Int64 = 5_000

  init(_ environment: Environment, clock: Clock = .system) {
    access = GatewayAccess(environment: environment)
    self.clock = clock
  }

  mutating func gone(among ids: [ConnectionID], context: RequestContext) -> Set<ConnectionID> {
    guard !ids.isEmpty, let client = try? client(context: context) else { return [] }
    client.expect(calls: ids.count)
    var gone: Set<ConnectionID> = []
    var ended: [Completion] = []
    let end = clock.monotonicMilliseconds() + Self.waitMilliseconds
    for (place, id) in ids.enumerated() { client.start(Call(verb: .get, id: id), token: place) }
    while client.inFlight > 0 {
      if clock.monotonicMilliseconds() >= end {
        client.abandon(into: &ended)
      } else {
        client.step(untilMilliseconds: end, into: &ended)
      }
      for completion in ended {
        if case .answered(let answer) = completion.outcome, answer.meaning == .gone {
          gone.insert(ids[completion.token])
        }
      }
    }
    return gone
  }

  mutating func close(id: ConnectionID, telling frame: [UInt8], context: RequestContext) -> Closing {
    do {
      let client = try client(context: context)
      let sent = try client.send(Call(verb: .post(frame), id: id))
      if sent.meaning == .gone { return .gone }
      let closed = try client.send(Call(verb: .delete, id: id))
      return closed.meaning == .accepted || closed.meaning == .gone ? .closed : .failed(closed.explanation)
    } catch {
      return .failed("\(error)")
    }
  }

  private mutating func client(context: RequestContext) throws -> ManagementClient {
    let endpoint = access.endpoint ?? GatewayAccess.endpoint(domainName: context.domainName, stage: context.stage)
    if let kept, kept.endpoint == endpoint { return kept.client }
    let client = try access.client(for: endpoint)
    kept = (endpoint, client)
    return client
  }
}
