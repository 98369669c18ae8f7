import HTTPWire

/// Answers that are handed on while they come: `Lambda-Runtime-Function-Response-Mode: streaming`.
extension FunctionRunner {
  /// An answer is streamed if its caller can take it so; what is wrong with it is said before its body is read.
  func plan(
    _ call: RuntimeAPI.Request, request: HTTPRequest, from environment: FunctionEnvironment, responder: HTTPResponder
  ) -> HTTPBodyPlan {
    guard case .response(let requestID) = call,
      request.headers["lambda-runtime-function-response-mode"] == "streaming"
    else { return .whole }
    let delivery = environment.deliveries.find(
      requestID: requestID, deliveryID: request.headers["lambda-runtime-invocation-id"])
    guard delivery?.answer == nil else {
      responder.refuse(.invalidStateTransition)
      return .answered
    }
    let verdict = pool.verdict(environment: environment.id, id: delivery?.id)
    guard case .accepted = verdict, let delivery else {
      // The slot has come back, where it had been given up.
      _ = pool.answers(environment: environment.id, id: delivery?.id)
      refuse(verdict, responder: responder)
      if verdict == .timedOut, let delivery, delivery.isRunning { report(delivery, environment: environment) }
      return .answered
    }
    guard let receiver = delivery.invocation.receiver else { return .whole }
    let answer = StreamedAnswer(
      of: delivery, environment: environment, runner: self, receiver: receiver, responder: responder)
    delivery.answer = answer
    receiver.begin(answer, contentType: request.headers["content-type"])
    return .streamed(answer)
  }

  /// The answer is whole. An error in its trailers comes too late for the caller; Lambda, too, counts the invocation as
  /// one that succeeded.
  func complete(
    _ delivery: Delivery, environment: FunctionEnvironment, lateError: String?, responder: HTTPResponder
  ) {
    let verdict = pool.answers(environment: environment.id, id: delivery.id)
    guard case .accepted = verdict else { return refuse(verdict, responder: responder) }
    responder.acknowledge()
    if let lateError, settings.writesReports {
      log(
        "RequestId: \(delivery.invocation.requestID) Error in the middle of the answer: "
          + RuntimeAPI.normalizedErrorType(lateError), environment: environment, invocation: delivery.invocation)
    }
    finish(delivery, environment: environment, outcome: .response([]))
  }

  /// The answer broke one of Lambda's bounds: the function is refused the rest of it, the caller gets no more.
  func failAnswer(
    of delivery: Delivery, environment: FunctionEnvironment, refusal: RuntimeAPI.Refusal, type: String, message: String
  ) {
    let answer = delivery.answer
    guard case .accepted = pool.answers(environment: environment.id, id: delivery.id) else { return }
    finish(delivery, environment: environment, outcome: .failed(type, message: message))
    answer?.breakOff(refusal)
  }
}
