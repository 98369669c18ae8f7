package import AWS
import HTTPClient
import JSON
package import Telemetry

/// Publishes events: it invokes the Publisher function, waits for its answer and tells what came of each event.
///
///     let publisher = try EventPublisher()
///     let outcome = try publisher.sendToUser("u-1", type: "order:filled", data: #"{"order":17}"#)
///     // outcome.accepted is 1: the event is in the log, and every connection of u-1 gets it
///
/// The function is the one that `PUBLISHER_FUNCTION` names. Under the local gateway it is invoked there; on AWS the
/// caller's role needs `lambda:InvokeFunction` for it. One value serves all invocations of a function: it keeps its
/// connection.
public final class EventPublisher {
  private let function: String
  private let invocation: any SynchronousInvocation
  private let clock: Clock
  private let randomness: Randomness

  /// A Publisher sends for a second once its own events are out; one that starts cold takes another.
  private static let answerMilliseconds = 10_000
  /// Before each further attempt. Lambda answers 429 where all environments are busy.
  private static let pausesMilliseconds: [Int64] = [100, 400]

  /// Fails where `PUBLISHER_FUNCTION` is not set. Connects when it is used first.
  public convenience init() throws {
    let function = try Environment.process.required("PUBLISHER_FUNCTION", example: "tickertape-dev-Publisher")
    self.init(function: function)
  }

  /// Publishes by the function of that name or ARN.
  public convenience init(function: String) {
    self.init(function: function, invocation: FunctionInvoker(environment: .process))
  }

  package init(
    function: String, invocation: any SynchronousInvocation, clock: Clock = .system, randomness: Randomness = .system
  ) {
    self.function = function
    self.invocation = invocation
    self.clock = clock
    self.randomness = randomness
  }

  /// Publishes an event for one user, who gets it on all connections, subscribed or not.
  public func sendToUser(
    _ user: String, type: String, data: String, key: String? = nil, priority: PublishableEvent.Priority? = nil,
    correlationID: String? = nil, idempotencyKey: String? = nil
  ) throws -> PublishOutcome {
    try publish([
      PublishableEvent(
        type: type, data: data, audience: .user(user), key: key, priority: priority, correlationID: correlationID,
        idempotencyKey: idempotencyKey)
    ])
  }

  /// Publishes an event for the members of a group.
  public func sendToGroup(
    _ group: String, type: String, data: String, key: String? = nil, priority: PublishableEvent.Priority? = nil,
    correlationID: String? = nil, idempotencyKey: String? = nil
  ) throws -> PublishOutcome {
    try publish([
      PublishableEvent(
        type: type, data: data, audience: .group(group), key: key, priority: priority, correlationID: correlationID,
        idempotencyKey: idempotencyKey)
    ])
  }

  /// Publishes an event for everyone who subscribed to its type and may see it.
  public func broadcast(
    type: String, data: String, key: String? = nil, priority: PublishableEvent.Priority? = nil,
    correlationID: String? = nil, idempotencyKey: String? = nil
  ) throws -> PublishOutcome {
    try publish([
      PublishableEvent(
        type: type, data: data, key: key, priority: priority, correlationID: correlationID,
        idempotencyKey: idempotencyKey)
    ])
  }

  /// Publishes several events by one invocation, in their order; 5 MB of them at most.
  ///
  /// An event that is refused is told in the outcome and keeps no other back. Throws where nothing is known to be
  /// published: `data` that is no JSON, a function that cannot be reached or fails. What may pass is tried again first,
  /// under the same idempotency keys.
  public func publish(_ events: [PublishableEvent]) throws -> PublishOutcome {
    let payload = try payload(of: events)
    var pauses = Self.pausesMilliseconds[...]
    while true {
      do {
        return try outcome(
          of: invocation.invoke(function, payload: payload, milliseconds: Self.answerMilliseconds))
      } catch {
        guard Self.mayPass(error), let pause = pauses.popFirst() else { throw error }
        clock.pause(pause)
      }
    }
  }

  /// `{"events":[…]}`
  private func payload(of events: [PublishableEvent]) throws -> [UInt8] {
    var writer = JSONWriter(reservingBytes: events.reduce(64) { $0 + $1.data.utf8.count + 192 })
    try writer.object { writer in
      writer.key("events")
      try writer.array { writer in
        for (index, event) in events.enumerated() {
          // Text that is more than one value would bring members of its own into the event.
          do { try JSONReader.validate(Array(event.data.utf8)) } catch {
            throw PublishFailure(errorType: "InvalidData", message: "the data of event \(index) is no JSON: \(error)")
          }
          event.encode(to: &writer, idempotencyKey: randomness.hexadecimal())
        }
      }
    }
    return writer.bytes
  }

  private func outcome(of answer: FunctionAnswer) throws -> PublishOutcome {
    guard let kind = answer.functionError else { return try decode(answer.body[...]) }
    let failure = PublishFailure(functionError: kind, document: answer.body)
    // A Publisher that could take none of the events fails, for callers that read no answer; its message ends with it.
    guard failure.errorType == "Function.NothingPublished", let start = failure.message.utf8.firstIndex(of: 0x7B) else {
      throw failure
    }
    return try decode(Array(failure.message.utf8[start...])[...])
  }

  private func decode(_ bytes: ArraySlice<UInt8>) throws -> PublishOutcome {
    do { return try PublishOutcome(decoding: Array(bytes)) } catch {
      throw PublishFailure(
        errorType: "NoAnswer", message: "\(function) gave no answer of a Publisher: \(error)")
    }
  }

  private static func mayPass(_ error: any Error) -> Bool {
    switch error {
    case let refused as InvocationRefused: refused.status == 429 || refused.status >= 500
    case let failure as PublishFailure:
      failure.errorType == "Function.NotPublished" && !failure.message.hasSuffix("that does not pass by itself")
    case let error as HTTPClientError: mayPass(error)
    case AWSCallError.transport(let error): mayPass(error)
    default: false
    }
  }

  /// One that took its whole time leaves the caller none for another.
  private static func mayPass(_ error: HTTPClientError) -> Bool {
    switch error.kind {
    case .notConnected, .closed: true
    default: false
    }
  }
}
