import AWS
import Telemetry
import TestSupport
import TickertapeHandlers

/// More calls came than the script has answers.
struct UnexpectedCall: Error {}

/// A Publisher that answers as a script says; an error stands for a call without an answer.
final class ScriptedPublisher: SynchronousInvocation {
  private var answers: [Result<FunctionAnswer, any Error>]
  private(set) var payloads: [String] = []
  private(set) var functions: [String] = []

  init(_ answers: [Result<FunctionAnswer, any Error>]) { self.answers = answers }

  convenience init(answer: String = #"{"accepted":1,"rejected":0,"deliveries":2,"queued":0}"#) {
    self.init([.success(FunctionAnswer(body: bytes(answer)))])
  }

  func invoke(_ function: String, payload: [UInt8], milliseconds: Int) throws -> FunctionAnswer {
    functions.append(function)
    payloads.append(text(payload))
    guard !answers.isEmpty else { throw UnexpectedCall() }
    return try answers.removeFirst().get()
  }

  /// Whose made-up keys are sixteen zeros.
  func publisher(clock: SettableClock = SettableClock()) -> EventPublisher {
    EventPublisher(
      function: "Publisher", invocation: self, clock: clock.clock, randomness: .init(next: { 0 }))
  }
}
