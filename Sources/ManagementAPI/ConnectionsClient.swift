package import Messaging
package import Telemetry

/// `@connections` for one connection at a time, as handlers use it.
///
///     var connections = ConnectionsClient(environment: environment)
///     if try connections.post(frame, to: destination) == .gone { … }
///
/// The endpoint is `API_GATEWAY_ENDPOINT`; where that is unset, the domain and stage of the destination. A client is made
/// for the first call: most invocations answer by their route response and never need one.
package struct ConnectionsClient {
  private let access: GatewayAccess
  private let clock: Clock
  private var last: EndpointClient

  /// A post that may pass is tried again, for a second at most: a client whose hello fails waits ten.
  private static let pauses: [Int64] = [50, 150, 400]

  /// How long a probe goes on: a client waits for its handshake meanwhile.
  private static let probeMilliseconds: Int64 = 5_000

  package init(environment: Environment, clock: Clock = .system) {
    access = GatewayAccess(environment: environment)
    self.clock = clock
    last = EndpointClient(access: access, clock: clock)
  }

  /// Sends a frame. One whose answer was lost may come twice; clients drop what they have.
  package mutating func post(_ frame: [UInt8], to destination: Destination) throws -> PostOutcome {
    var pauses = Self.pauses[...]
    while true {
      let outcome = Result { try send(.post(frame), to: destination) }
      switch outcome {
      case .success(let answer) where answer.meaning == .accepted: return .accepted
      case .success(let answer) where answer.meaning == .gone: return .gone
      case .success(let answer) where answer.status != 429 && answer.status < 500: throw PostRefused(answer)
      case .success, .failure:
        guard let pause = pauses.popFirst() else { throw PostRefused(try outcome.get()) }
        clock.pause(pause)
      }
    }
  }

  /// Closes the connection; one that is closed already is no error.
  package mutating func close(_ destination: Destination) throws {
    let answer = try send(.delete, to: destination)
    guard answer.meaning == .accepted || answer.meaning == .gone else { throw PostRefused(answer) }
  }

  /// Sends a last frame, once, and closes. `gone`: the connection had left before, or its `$connect` has not ended yet.
  package mutating func close(_ destination: Destination, telling frame: [UInt8]) throws -> PostOutcome {
    if try send(.post(frame), to: destination).meaning == .gone { return .gone }
    try close(destination)
    return .accepted
  }

  /// Asks which of the connections are there, all at once. Those that are known to have left; what cannot be asked is not
  /// among them. All came by the API of `destination`.
  package mutating func probe(_ ids: [ConnectionID], besides destination: Destination) -> Set<ConnectionID> {
    guard !ids.isEmpty, let client = try? client(for: destination) else { return [] }
    client.expect(calls: ids.count)
    var gone: Set<ConnectionID> = []
    var ended: [Completion] = []
    let end = clock.monotonicMilliseconds() + Self.probeMilliseconds
    for (index, id) in ids.enumerated() { client.start(Call(verb: .get, id: id), token: index) }
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

  private mutating func send(_ verb: Call.Verb, to destination: Destination) throws -> Answer {
    try client(for: destination).send(Call(verb: verb, id: destination.connectionID))
  }

  private mutating func client(for destination: Destination) throws -> ManagementClient {
    try last.client(
      of: access.endpoint ?? GatewayAccess.endpoint(domainName: destination.domainName, stage: destination.stage))
  }
}

/// The `@connections` API refused a frame or a close.
package struct PostRefused: Error, CustomStringConvertible {
  /// `403 ForbiddenException: User … is not authorized`
  package let explanation: String

  init(_ answer: Answer) { explanation = answer.explanation }

  package var description: String { "@connections answered \(explanation)" }
}
