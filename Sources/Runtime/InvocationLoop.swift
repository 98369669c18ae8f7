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
    guard var handler = try start(makeHandler) else { return }
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

  /// Makes the handler; nil, reported to Lambda, if it cannot be made.
  private mutating func start<Handler>(_ makeHandler: () throws -> Handler) throws(RuntimeAPIError) -> Handler? {
    do {
      return try makeHandler()
    } catch {
      let failure = Failure(error)
      log.log(
        .fatal, "the function cannot start",
        ["errorType": .identifier(failure.type), "errorMessage": .own(failure.logText)])
      _ = try client.failStart(with: failure)
      return nil
    }
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
      logFailure(failure, of: invocation)
      refusal = try client.fail(invocation, with: failure)
    }
    if let refusal { logRefusal(refusal, of: invocation) }
  }

  private func logFailure(_ failure: Failure, of invocation: Invocation) {
    log.error(
      "the invocation failed",
      [
        "requestId": .identifier(invocation.context.requestID), "errorType": .identifier(failure.type),
        "errorMessage": .own(failure.logText),
      ])
  }

  private func logRefusal(_ refusal: Refusal, of invocation: Invocation) {
    log.warn(
      "Lambda did not take the outcome of the invocation",
      [
        "requestId": .identifier(invocation.context.requestID), "status": .number(Int64(refusal.status)),
        "answer": .text(refusal.body),
      ])
  }
}
