import Telemetry

/// An invocation that comes again and again, as EventBridge Scheduler's do on AWS.
package struct FunctionSchedule: Sendable {
  package var function: String
  package var payload: [UInt8]
  package var everyMilliseconds: Int64

  package init(_ function: String, payload: [UInt8], everyMilliseconds: Int64) {
    self.function = function
    self.payload = payload
    self.everyMilliseconds = everyMilliseconds
  }
}

/// Invokes a function on its schedule. Nobody waits for what becomes of an invocation: the next one is its second try.
/// One that has not ended when the next is due takes its place.
final class ScheduledInvocations {
  private let schedule: FunctionSchedule
  private let host: FunctionHost
  private let log: Log
  private var isRunning = false

  init(_ schedule: FunctionSchedule, _ host: FunctionHost, log: Log) {
    self.schedule = schedule
    self.host = host
    self.log = log
  }

  /// The first one comes when the time has passed once; the host's end is theirs.
  func start() {
    host.loop.schedule(afterMilliseconds: schedule.everyMilliseconds) { [weak self] in
      guard let self, !host.isStopping else { return }
      invoke()
      start()
    }
  }

  private func invoke() {
    guard !isRunning else {
      return log.debug("scheduled invocation is still running", ["function": .text(schedule.function)])
    }
    isRunning = true
    host.invoke(schedule.function, payload: schedule.payload, timeoutMilliseconds: .max) { [weak self] outcome in
      guard let self else { return }
      isRunning = false
      guard let failure = Self.failure(outcome), !host.isStopping else { return }
      log.debug("scheduled invocation failed", ["function": .text(schedule.function), "error": .text(failure)])
    }
  }

  private static func failure(_ outcome: InvocationOutcome) -> String? {
    switch outcome {
    case .response: nil
    case .functionError(_, let type): type
    case .throttled: "TooManyRequestsException"
    case .timedOut: "timed out"
    case .unknownFunction: "no such function"
    }
  }
}
