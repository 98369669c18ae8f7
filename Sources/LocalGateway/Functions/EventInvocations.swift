/// Invocations of type `Event`: no caller waits for the answer, and one that fails is tried twice more, as Lambda does.
final class EventInvocations {
  /// Payloads that wait for their next try are kept in memory; more than these are given up.
  static let maximumWaiting = 1000

  private let host: FunctionHost
  private var waiting = 0

  init(_ host: FunctionHost) { self.host = host }

  /// Every try bears the same request id.
  func invoke(_ function: String, payload: [UInt8], context: Invocation.Context) {
    attempt(function, payload: payload, context: context, pauses: host.settings.eventRetryMilliseconds[...])
  }

  private func attempt(
    _ function: String, payload: [UInt8], context: Invocation.Context, pauses: ArraySlice<Int64>
  ) {
    host.invoke(function, payload: payload, context: context, timeoutMilliseconds: .max) { [weak self] result in
      guard let self, !host.isStopping else { return }
      switch result.outcome {
      case .response, .unknownFunction: break
      case .functionError(_, let type): again(function, payload: payload, context: context, pauses: pauses, after: type)
      case .throttled, .timedOut:
        again(function, payload: payload, context: context, pauses: pauses, after: "TooManyRequestsException")
      }
    }
  }

  private func again(
    _ function: String, payload: [UInt8], context: Invocation.Context, pauses: ArraySlice<Int64>,
    after type: String
  ) {
    guard let pause = pauses.first, waiting < Self.maximumWaiting else {
      return host.log("EVENT RequestId: \(context.requestID ?? "") given up after \(type)", of: function)
    }
    waiting += 1
    host.loop.schedule(afterMilliseconds: pause) { [weak self] in
      guard let self else { return }
      waiting -= 1
      if !host.isStopping { attempt(function, payload: payload, context: context, pauses: pauses.dropFirst()) }
    }
  }
}
