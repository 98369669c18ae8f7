import HTTPWire

/// What environments say: the calls of the Runtime API and the end of the process.
extension FunctionRunner: FunctionEnvironmentOwner {
  func handle(
    _ call: RuntimeAPI.Request, request: HTTPRequest, from environment: FunctionEnvironment,
    responder: HTTPResponder
  ) {
    switch call {
    case .next: next(environment: environment, responder: responder)
    case .response(let requestID): response(requestID, request: request, environment: environment, responder: responder)
    case .error(let requestID): error(requestID, request: request, environment: environment, responder: responder)
    case .initError: initError(request, environment, responder)
    case .ping: responder.respond(status: 200, body: Array("pong".utf8))
    }
  }

  private func next(environment: FunctionEnvironment, responder: HTTPResponder) {
    guard let actions = pool.asksForNext(environment: environment.id, now: now) else {
      return responder.refuse(.invalidStateTransition)
    }
    environment.asks(responder)
    perform(actions)
  }

  private func response(
    _ requestID: String, request: HTTPRequest, environment: FunctionEnvironment, responder: HTTPResponder
  ) {
    guard let id = accept(requestID, request: request, environment: environment, responder: responder) else { return }
    if let mode = request.headers["lambda-runtime-function-response-mode"], mode != "streaming" {
      responder.refuse(.invalidResponseMode)
      return finish(
        id: id, environment: environment,
        outcome: failed("Runtime.InvalidResponseModeHeader", message: "invalid response mode"))
    }
    guard request.body.count <= RuntimeAPI.maximumResponseBytes else {
      responder.refuse(.tooLarge)
      let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
      return finish(
        id: id, environment: environment, outcome: failed("Function.ResponseSizeTooLarge", message: message))
    }
    responder.acknowledge()
    finish(id: id, environment: environment, outcome: .response(request.body))
  }

  private func error(
    _ requestID: String, request: HTTPRequest, environment: FunctionEnvironment, responder: HTTPResponder
  ) {
    guard let id = accept(requestID, request: request, environment: environment, responder: responder) else { return }
    let type = RuntimeAPI.normalizedErrorType(request.headers["lambda-runtime-function-error-type"])
    responder.acknowledge()
    finish(
      id: id, environment: environment,
      outcome: .functionError(document: ErrorDocument.posted(request.body, type: type), type: type))
  }

  private func initError(
    _ request: HTTPRequest, _ environment: FunctionEnvironment, _ responder: HTTPResponder
  ) {
    let type = RuntimeAPI.normalizedErrorType(request.headers["lambda-runtime-function-error-type"])
    let failure = FunctionPool.Failure.initError(document: ErrorDocument.posted(request.body, type: type), type: type)
    guard let actions = pool.reportsInitError(environment: environment.id, failure: failure, now: now) else {
      return responder.refuse(.invalidStateTransition)
    }
    responder.acknowledge()
    logFailedStart(environment: environment, failure: failure)
    perform(actions)
  }

  /// The invocation that is answered, if it may be; else the refusal was sent.
  private func accept(
    _ requestID: String, request: HTTPRequest, environment: FunctionEnvironment, responder: HTTPResponder
  ) -> FunctionPool.InvocationID? {
    let matches = environment.isCurrent(
      requestID: requestID, invocationID: request.headers["lambda-runtime-invocation-id"])
    switch pool.answers(environment: environment.id, matches: matches) {
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
        environment: environment.id, matches: environment.isCurrent(requestID: requestID, invocationID: nil))
    else { return }
    finish(
      id: id, environment: environment,
      outcome: failed("Runtime.TruncatedResponse", message: "the function closed its connection inside its answer"))
  }

  private func failed(_ type: String, message: String) -> InvocationOutcome {
    .functionError(document: ErrorDocument.json(message: message, type: type), type: type)
  }

  private func finish(
    id: FunctionPool.InvocationID, environment: FunctionEnvironment, outcome: InvocationOutcome
  ) {
    guard let invocation = invocations.removeValue(forKey: id) else { return }
    environment.finishRunning()
    logEnd(invocation, environment: environment)
    invocation.complete(outcome)
  }

  func ended(environment: FunctionEnvironment, end: ProcessEnd) {
    ended(environment: environment, failure: .ended(end))
  }

  func ended(environment: FunctionEnvironment, failure: FunctionPool.Failure) {
    if environment.readyAt == nil { logFailedStart(environment: environment, failure: failure) }
    perform(pool.ended(environment: environment.id, failure: failure, now: now))
    if let id = environment.runningID, let invocation = invocations.removeValue(forKey: id) {
      logEnd(invocation, environment: environment)
    }
    environments[environment.id] = nil
    reportIfStopped()
  }
}
