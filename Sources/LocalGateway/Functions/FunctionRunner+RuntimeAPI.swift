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
    guard let delivery = accept(requestID, request: request, environment: environment, responder: responder) else {
      return
    }
    if !isResponseMode(of: request) {
      responder.refuse(.invalidResponseMode)
      return finish(delivery, environment: environment, outcome: Self.invalidResponseMode)
    }
    guard request.body.count <= RuntimeAPI.maximumResponseBytes else {
      responder.refuse(.tooLarge)
      let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
      return finish(
        delivery, environment: environment, outcome: .failed("Function.ResponseSizeTooLarge", message: message))
    }
    responder.acknowledge()
    finish(delivery, environment: environment, outcome: .response(request.body))
  }

  private func error(
    _ requestID: String, request: HTTPRequest, environment: FunctionEnvironment, responder: HTTPResponder
  ) {
    guard let delivery = accept(requestID, request: request, environment: environment, responder: responder) else {
      return
    }
    let type = RuntimeAPI.normalizedErrorType(request.headers["lambda-runtime-function-error-type"])
    responder.acknowledge()
    finish(
      delivery, environment: environment,
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

  /// What is answered, if it may be; else the refusal was sent.
  private func accept(
    _ requestID: String, request: HTTPRequest, environment: FunctionEnvironment, responder: HTTPResponder
  ) -> Delivery? {
    let delivery = environment.deliveries.find(
      requestID: requestID, deliveryID: request.headers["lambda-runtime-invocation-id"])
    // Its answer comes already; nothing else is one.
    if delivery?.answer != nil {
      responder.refuse(.invalidStateTransition)
      return nil
    }
    let verdict = pool.answers(environment: environment.id, id: delivery?.id)
    if case .accepted = verdict { return delivery }
    refuse(verdict, responder: responder)
    // One of several slots whose time is over has come back.
    if verdict == .timedOut, let delivery, delivery.isRunning { report(delivery, environment: environment) }
    return nil
  }

  func refuse(_ verdict: FunctionPool.Verdict, responder: HTTPResponder) {
    switch verdict {
    case .accepted: break
    case .invalidRequestID: responder.refuse(.invalidRequestID)
    case .invalidStateTransition: responder.refuse(.invalidStateTransition)
    case .timedOut: responder.refuse(.timedOut)
    }
  }

  func isResponseMode(of request: HTTPRequest) -> Bool {
    request.headers["lambda-runtime-function-response-mode"].map { $0 == "streaming" } ?? true
  }

  func truncated(_ call: RuntimeAPI.Request, from environment: FunctionEnvironment) {
    guard case .response(let requestID) = call,
      let delivery = environment.deliveries.find(requestID: requestID, deliveryID: nil), delivery.answer == nil
    else { return }
    truncatedAnswer(of: delivery, environment: environment)
  }

  func withdrew(environment: FunctionEnvironment) { pool.withdraws(environment: environment.id) }

  // MARK: Ends of invocations

  static let invalidResponseMode = InvocationOutcome.failed(
    "Runtime.InvalidResponseModeHeader", message: "invalid response mode")

  func truncatedAnswer(of delivery: Delivery, environment: FunctionEnvironment) {
    guard case .accepted = pool.answers(environment: environment.id, id: delivery.id) else { return }
    finish(
      delivery, environment: environment,
      outcome: .failed("Runtime.TruncatedResponse", message: "the function closed its connection inside its answer"))
  }

  func finish(_ delivery: Delivery, environment: FunctionEnvironment, outcome: InvocationOutcome) {
    let invocation = invocations[delivery.id]
    report(delivery, environment: environment)
    invocation?.complete(outcome)
  }

  /// The end of what a function did for an invocation, whose caller may have been told before.
  func report(_ delivery: Delivery, environment: FunctionEnvironment) {
    delivery.isRunning = false
    delivery.answer = nil
    guard invocations.removeValue(forKey: delivery.id) != nil else { return }
    logEnd(delivery, environment: environment)
  }

  func ended(environment: FunctionEnvironment, end: ProcessEnd) {
    ended(environment: environment, failure: .ended(end))
  }

  func ended(environment: FunctionEnvironment, failure: FunctionPool.Failure) {
    if environment.readyAt == nil { logFailedStart(environment: environment, failure: failure) }
    perform(pool.ended(environment: environment.id, failure: failure, now: now))
    for delivery in environment.deliveries.running { report(delivery, environment: environment) }
    environments[environment.id] = nil
    reportIfStopped()
  }
}

extension InvocationOutcome {
  static func failed(_ type: String, message: String) -> InvocationOutcome {
    .functionError(document: ErrorDocument.json(message: message, type: type), type: type)
  }
}
