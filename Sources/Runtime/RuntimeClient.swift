import Telemetry

/// Speaks the Runtime API, one exchange after the other: the one file that knows what its statuses mean.
///
/// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
struct RuntimeClient: ~Copyable {
  /// The largest answer that Lambda takes: 6 MiB and 100 bytes.
  static let maximumResponseBytes = 6 * 1024 * 1024 + 100

  private var connection: RuntimeConnection
  private var messages: RuntimeMessages

  init(to address: SocketAddress) {
    connection = RuntimeConnection(to: address)
    messages = RuntimeMessages(host: address)
  }

  // MARK: Requests

  /// Waits, as long as it takes, for the next event.
  mutating func next() throws(RuntimeAPIError) -> Invocation {
    let answer = try exchange(messages.next, call: .next)
    guard answer.status == 200 else { throw RuntimeAPIError(.next, .refused(Refusal(answer))) }
    return try RuntimeMessages.invocation(answer)
  }

  /// Ends the invocation with the handler's answer, which is at most `maximumResponseBytes` long. Lambda counts, and
  /// bills, the invocation as over only when `next` is called.
  mutating func succeed(_ invocation: Invocation, with response: [UInt8]) throws(RuntimeAPIError) -> Refusal? {
    messages.writeResponse(response, to: invocation)
    return try post(.response)
  }

  /// Ends the invocation as failed.
  mutating func fail(_ invocation: Invocation, with failure: Failure) throws(RuntimeAPIError) -> Refusal? {
    messages.writeError(failure, of: invocation)
    return try post(.error)
  }

  /// Says that the function cannot start; the process is expected to exit then.
  mutating func failStart(with failure: Failure) throws(RuntimeAPIError) -> Refusal? {
    messages.writeStartError(failure)
    return try post(.initError)
  }

  // MARK: Answers

  /// Sends what was written.
  private mutating func post(_ call: RuntimeAPIError.Call) throws(RuntimeAPIError) -> Refusal? {
    try Self.refusal(exchange(messages.request, call: call), of: call)
  }

  /// What an answer to a post means. A refusal that concerns this invocation alone is returned; one after which nothing
  /// can go on is thrown.
  static func refusal(
    _ answer: RuntimeConnection.Answer, of call: RuntimeAPIError.Call
  ) throws(RuntimeAPIError) -> Refusal? {
    switch answer.status {
    case 200..<300: return nil
    // The first copy had arrived: Lambda knows no such invocation any more, or has its answer.
    case 400 where answer.wasRepeated, 403 where answer.wasRepeated: return nil
    // An id that is unknown or answered (400), an invocation that timed out (410), an answer too large (413).
    case 400..<500 where answer.status != 403: return Refusal(answer)
    default: throw RuntimeAPIError(call, .refused(Refusal(answer)))
    }
  }

  private mutating func exchange(
    _ request: [UInt8], call: RuntimeAPIError.Call
  ) throws(RuntimeAPIError) -> RuntimeConnection.Answer {
    do {
      return try connection.exchange(request)
    } catch {
      throw RuntimeAPIError(call, .connection(error))
    }
  }

  // MARK: Start

  /// Makes the handler; nil, logged and reported to Lambda, if it cannot be made.
  mutating func start<Handler>(
    _ makeHandler: () throws -> Handler, log: Log
  ) throws(RuntimeAPIError) -> Handler? {
    do {
      return try makeHandler()
    } catch {
      let failure = Failure(error)
      log.log(
        .fatal, "the function cannot start",
        ["errorType": .identifier(failure.type), "errorMessage": .own(failure.logText)])
      _ = try failStart(with: failure)
      return nil
    }
  }
}
