import Telemetry

/// Take the next event, let the handler answer it, report the outcome, again.
struct InvocationLoop: ~Copyable {
  private var client: RuntimeClient
  private let log: Log
  /// Told each invocation's trace before the handler runs.
  private let setTrace: (String?) -> Void

  init(client: consuming RuntimeClient, log: Log, setTrace: @escaping (String?) -> Void) {
    self.client = client
    self.log = log
    self.setTrace = setTrace
  }

  /// Returns never; ends by the error after which no event can come any more.
  mutating func run<Handler: LambdaHandler>(
    _ makeHandler: () throws -> Handler
  ) throws(RuntimeAPIError) {
    guard var handler = try client.start(makeHandler, log: log) else { return }
    while true {
      let invocation = try client.next()
      setTrace(invocation.context.traceID)
      let outcome = outcome(of: invocation, handler: &handler)
      try report(outcome, of: invocation)
    }
  }

  private enum Outcome {
    case response([UInt8])
    case failure(Failure)
  }

  /// What the handler made of the event. An answer that Lambda would refuse is a failure already here: sent, it would
  /// cost 6 MiB on the wire only to be dropped.
  private func outcome<Handler: LambdaHandler>(of invocation: Invocation, handler: inout Handler) -> Outcome {
    do {
      let response = try handler.handle(invocation.event, context: invocation.context)
      guard response.count <= RuntimeClient.maximumResponseBytes else {
        return .failure(Failure(responseBytes: response.count))
      }
      return .response(response)
    } catch {
      return .failure(Failure(error))
    }
  }

  private mutating func report(_ outcome: Outcome, of invocation: Invocation) throws(RuntimeAPIError) {
    let refusal: Refusal?
    switch outcome {
    case .response(let response): refusal = try client.succeed(invocation, with: response)
    case .failure(let failure):
      log.write(failure, of: invocation)
      refusal = try client.fail(invocation, with: failure)
    }
    if let refusal { log.write(refusal, of: invocation) }
  }
}
