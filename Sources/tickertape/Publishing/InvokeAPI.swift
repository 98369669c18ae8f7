import HTTPClient
import JSON
import Telemetry

/// Why a call gave no answer of the function.
struct InvokeFailure: Error, Equatable {
  let reason: CommandFailure
  /// Whether the function may have taken what it was sent. False: it certainly has not.
  let mayHaveRun: Bool
  /// The function ran, and said that nothing is published.
  let hasPublishedNothing: Bool

  init(_ reason: CommandFailure, mayHaveRun: Bool, hasPublishedNothing: Bool = false) {
    self.reason = reason
    self.mayHaveRun = mayHaveRun
    self.hasPublishedNothing = hasPublishedNothing
  }
}

extension HTTPClientError {
  fileprivate var mayHaveBeenSent: Bool {
    switch kind {
    case .invalidRequest, .nameNotResolved, .notConnected, .tls: false
    case .timedOut, .closed, .answerTooLarge, .other: true
    }
  }
}

/// Runs a function by Lambda's Invoke API (`POST /2015-03-31/functions/{name}/invocations`) and waits for its answer.
struct InvokeAPI {
  /// One exchange over HTTP; a test passes its own.
  typealias Exchange = (HTTPRequest) throws(HTTPClientError) -> Answer

  struct Answer {
    let status: Int
    /// `X-Amz-Function-Error`: the function failed, and the body says how.
    var functionError: String?
    let body: [UInt8]
  }

  /// Lambda takes 6 MB; the rest is room for what is around the events.
  static let maximumPayloadBytes = 5 << 20
  /// How long an answer is waited for if nothing else is said; a function may run 15 minutes on Lambda.
  static let answerMilliseconds = 30_000

  let endpoint: String
  let function: String
  private let url: HTTPURL
  private let exchange: Exchange
  private let randomness: Randomness
  /// Five times again at most.
  private static let backoff = Backoff(maximumMilliseconds: 2_000, attempts: 6)
  private let pause: (Int64) -> Void
  private let answerMilliseconds: Int

  /// `endpoint` is `http://127.0.0.1:8000`, with a path before Lambda's own if there is one. `pause` waits so many
  /// milliseconds.
  init(
    endpoint: String, function: String, exchange: @escaping Exchange, randomness: Randomness = .system,
    answerMilliseconds: Int = Self.answerMilliseconds, pause: @escaping (Int64) -> Void
  ) throws(CommandFailure) {
    guard !function.isEmpty, function.utf8.allSatisfy(WordByte.isOne) else {
      throw CommandFailure(code: .usage, message: "'\(function)' is no function's name: letters, digits, - and _")
    }
    do {
      let base = try HTTPURL(endpoint)
      let root = "\(base.isSecure ? "https" : "http")://\(base.authority)\(base.basePath)"
      url = try HTTPURL("\(root)/2015-03-31/functions/\(function)/invocations")
    } catch {
      throw CommandFailure(
        code: .usage, message: "--endpoint '\(endpoint)': \(error.message)",
        advice: ["for example --endpoint http://127.0.0.1:8000"])
    }
    self.endpoint = endpoint
    self.function = function
    self.exchange = exchange
    self.pause = pause
    self.answerMilliseconds = answerMilliseconds
    self.randomness = randomness
  }

  /// The function's answer as it posted it. While every environment is busy (429: nothing ran) it is asked again.
  func invoke(_ payload: [UInt8]) throws(InvokeFailure) -> [UInt8] {
    var made = 0
    while true {
      let response = try send(payload)
      made += 1
      guard response.status == 429,
        let delay = Self.backoff.delayMilliseconds(afterAttempts: made, randomness: randomness)
      else { return try result(of: response) }
      pause(delay)
    }
  }

  /// One call, whatever its answer.
  func call(_ payload: [UInt8], milliseconds: Int? = nil) throws(HTTPClientError) -> Answer {
    try exchange(
      HTTPRequest(
        method: "POST", url: url,
        headers: [("Content-Type", "application/json"), ("X-Amz-Invocation-Type", "RequestResponse")], body: payload,
        totalMilliseconds: milliseconds ?? answerMilliseconds, isSentOnce: true))
  }

  private func send(_ payload: [UInt8]) throws(InvokeFailure) -> Answer {
    do { return try call(payload) } catch {
      var failure = Self.unavailable(error, endpoint: endpoint)
      if error.kind == .timedOut {
        let time = Figures.duration(milliseconds: Int64(answerMilliseconds))
        failure.advice = ["no answer came within \(time); --timeout SECONDS waits longer"]
      }
      throw InvokeFailure(failure, mayHaveRun: error.mayHaveBeenSent)
    }
  }

  private func result(of response: Answer) throws(InvokeFailure) -> [UInt8] {
    guard (200..<300).contains(response.status) else {
      let failure = CommandFailure(
        code: .unavailable, message: "\(endpoint) answered \(response.status)\(Self.explanation(in: response.body))",
        advice: response.status == 404 ? ["is there a function named \(function)? --function NAME chooses another"] : []
      )
      // What is wrong with the request itself is found out before the function runs.
      throw InvokeFailure(failure, mayHaveRun: response.status >= 500)
    }
    if let kind = response.functionError {
      if let answer = Self.answer(in: response.body) { return answer }
      let failure = CommandFailure(
        code: .failure, message: "the function \(function) failed (\(kind))\(Self.explanation(in: response.body))")
      throw InvokeFailure(failure, mayHaveRun: true, hasPublishedNothing: Self.hasPublishedNothing(response.body))
    }
    return response.body
  }

  /// The answer of a Publisher that could take nothing of a payload: it fails, for those who read no answer, and its
  /// message ends with what it has to say of each event. Nil for any other error document.
  private static func answer(in body: [UInt8]) -> [UInt8]? {
    guard let members = JSONMembers(body), members.string("errorType") == "Function.NothingPublished",
      let message = members.string("errorMessage"), let start = message.utf8.firstIndex(of: UInt8(ascii: "{"))
    else { return nil }
    return Array(message.utf8[start...])
  }

  /// Whether a Publisher says that its table cannot be used for good: then nothing was written. Where a reason may pass,
  /// a write may be there whose answer was lost.
  private static func hasPublishedNothing(_ body: [UInt8]) -> Bool {
    guard let members = JSONMembers(body) else { return false }
    return members.string("errorType") == "Function.NotPublished"
      && members.string("errorMessage")?.hasSuffix("that does not pass by itself") == true
  }

  /// Why an endpoint cannot be used, and what to do about it.
  static func unavailable(_ error: HTTPClientError, endpoint: String) -> CommandFailure {
    let isLocal = ["127.0.0.1", "localhost", "[::1]"].contains { endpoint.contains($0) }
    var advice: [String] = []
    if error.kind == .notConnected, isLocal { advice = ["is the gateway running? 'tickertape serve' starts it"] }
    return CommandFailure(code: .unavailable, message: "\(endpoint) cannot be used: \(error.message)", advice: advice)
  }

  /// `: Type: message` from Lambda's error documents, or the beginning of whatever else came.
  private static func explanation(in body: [UInt8]) -> String {
    let members = JSONMembers(body)
    let parts = [members?.string("errorType"), members?.string("errorMessage") ?? members?.string("message")]
    let known = parts.compactMap { $0 }
    if !known.isEmpty { return ": " + known.joined(separator: ": ") }
    return body.isEmpty ? "" : ": " + String(decoding: body.prefix(300), as: UTF8.self)
  }
}
