import Telemetry

extension Log {
  /// That an invocation failed, and how.
  func write(_ failure: Failure, of invocation: Invocation) {
    self.error(
      "the invocation failed",
      [
        "requestId": .identifier(invocation.context.requestID), "errorType": .identifier(failure.type),
        "errorMessage": .own(failure.logText),
      ])
  }

  /// That Lambda did not take what was made of an invocation.
  func write(_ refusal: Refusal, of invocation: Invocation) {
    self.warn(
      "Lambda did not take the outcome of the invocation",
      [
        "requestId": .identifier(invocation.context.requestID), "status": .number(Int64(refusal.status)),
        "answer": .text(refusal.body),
      ])
  }
}
