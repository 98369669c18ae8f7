import HTTPWire

/// What environments say: the calls of the Runtime API and the end of the process.
extension FunctionRunner: FunctionEnvironmentOwner {
  func handle(
    _ call: RuntimeAPI.Request, _ request: HTTPRequest, from environment: FunctionEnvironment,
    _ responder: HTTPResponder
  ) {
    switch call {
    case .next: next(environment, responder)
    case .response(let requestID): response(requestID, request, environment, responder)
    case .error(let requestID): error(requestID, request, environment, responder)
    case .initError: initError(request, environment, responder)
    case .ping: responder.respond(200, body: Array("pong".utf8))
    }
  }

  private func next(_ environment: FunctionEnvironment, _ responder: HTTPResponder) {
    guard let actions = pool.asksForNext(environment.id, now: now) else {
      return responder.refuse(.invalidStateTransition)
    }
    environment.asks(responder)
    perform(actions)
  }

  private func response(
    _ requestID: String, _ request: HTTPRequest, _ environment: FunctionEnvironment, _ responder: HTTPResponder
  ) {
    guard let id = take(requestID, request, environment, responder) else { return }
    if let mode = request.headers["lambda-runtime-function-response-mode"], mode != "streaming" {
      responder.refuse(.invalidResponseMode)
      return finish(id, environment, failed("Runtime.InvalidResponseModeHeader", "invalid response mode"))
    }
    guard request.body.count <= RuntimeAPI.maximumResponseBytes else {
      responder.refuse(.tooLarge)
      let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
      return finish(id, environment, failed("Function.ResponseSizeTooLarge", message))
    }
    responder.acknowledge()
    finish(id, environment, .response(request.body))
  }

  private func error(
    _ requestID: String, _ request: HTTPRequest, _ environment: FunctionEnvironment, _ responder: HTTPResponder
  ) {
    guard let id = take(requestID, request, environment, responder) else { return }
    let type = RuntimeAPI.normalizedErrorType(request.headers["lambda-runtime-function-error-type"])
    responder.acknowledge()
    finish(id, environment, .functionError(document: ErrorDocument.posted(request.body, type: type), type: type))
  }

  private func initError(
    _ request: HTTPRequest, _ environment: FunctionEnvironment, _ responder: HTTPResponder
  ) {
    let type = RuntimeAPI.normalizedErrorType(request.headers["lambda-runtime-function-error-type"])
    let failure = FunctionPool.Failure.initError(document: ErrorDocument.posted(request.body, type: type), type: type)
    guard let actions = pool.reportsInitError(environment.id, failure, now: now) else {
      return responder.refuse(.invalidStateTransition)
    }
    responder.acknowledge()
    logFailedStart(environment, failure)
    perform(actions)
  }

  /// The invocation that is answered, if it may be; else the refusal was sent.
  private func take(
    _ requestID: String, _ request: HTTPRequest, _ environment: FunctionEnvironment, _ responder: HTTPResponder
  ) -> FunctionPool.InvocationID? {
    let matches = environment.isCurrent(
      requestID: requestID, invocationID: request.headers["lambda-runtime-invocation-id"])
    switch pool.answers(environment.id, matches: matches) {
    case .accepted(let id): return id
    case .invalidRequestID: responder.refuse(.invalidRequestID)
    case .invalidStateTransition: responder.refuse(.invalidStateTransition)
    case .timedOut: responder.refuse(.timedOut)
    }
    return nil
  }

  func truncated(_ call: RuntimeAPI.Request, from environment: FunctionEnvironment) {
    guard case .response(let requestID) = call,
      case .accepted(let id) = pool.answers(
        environment.id, matches: environment.isCurrent(requestID: requestID, invocationID: nil))
    else { return }
    finish(id, environment, failed("Runtime.TruncatedResponse", "the function closed its connection inside its answer"))
  }

  private func failed(_ type: String, _ message: String) -> InvocationOutcome {
    .functionError(document: ErrorDocument.json(message: message, type: type), type: type)
  }

  private func finish(
    _ id: FunctionPool.InvocationID, _ environment: FunctionEnvironment, _ outcome: InvocationOutcome
  ) {
    guard let invocation = invocations.removeValue(forKey: id) else { return }
    environment.finishRunning()
    logEnd(invocation, environment)
    invocation.complete(outcome)
  }

  func ended(_ environment: FunctionEnvironment, _ end: ProcessEnd) { ended(environment, .ended(end)) }

  func ended(_ environment: FunctionEnvironment, _ failure: FunctionPool.Failure) {
    if environment.readyAt == nil { logFailedStart(environment, failure) }
    perform(pool.ended(environment.id, failure, now: now))
    if let id = environment.runningID, let invocation = invocations.removeValue(forKey: id) {
      logEnd(invocation, environment)
    }
    environments[environment.id] = nil
    reportIfStopped()
  }
}
