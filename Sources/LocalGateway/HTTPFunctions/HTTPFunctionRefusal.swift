import LambdaEvents

/// Why a front answers in the place of its function.
enum HTTPFunctionRefusal: Error {
  case methodNotAllowed(allowed: String)
  case headersTooLarge
  case bodyTooLarge
  /// The function failed, or what it answered is no answer.
  case badAnswer
  /// What it streamed does not begin as the front has it.
  case badPrelude
  /// No answer within the front's time.
  case timedOut
  /// The function's reserved concurrency is used up.
  case throttled
  case stopped

  func status(_ front: HTTPFront) -> Int {
    switch self {
    case .methodNotAllowed: 405
    case .headersTooLarge: 431
    case .bodyTooLarge: 413
    case .badAnswer: 502
    // API Gateway, "Response transfer mode": metadata that is none is answered 500.
    case .badPrelude: front == .restAPI ? 500 : 502
    case .timedOut: front == .httpAPI ? 503 : 504
    // A function URL hands on Lambda's own; to API Gateway it is an error of its integration.
    case .throttled: front == .functionURL ? 429 : 500
    case .stopped: 503
    }
  }

  func message(_ front: HTTPFront) -> String {
    switch self {
    case .methodNotAllowed: "Method Not Allowed"
    case .headersTooLarge: "Request header fields too large"
    case .bodyTooLarge: "Request Too Long"
    case .throttled where front == .functionURL: "Rate Exceeded."
    case .badAnswer, .badPrelude, .throttled: front == .restAPI ? "Internal server error" : "Internal Server Error"
    case .timedOut where front == .restAPI: "Endpoint request timed out"
    case .timedOut, .stopped: "Service Unavailable"
    }
  }
}

extension HTTPResponder {
  /// `{"message":"…"}`, which a function URL writes with a capital.
  func refuse(_ refusal: HTTPFunctionRefusal, front: HTTPFront, requestID: String? = nil) {
    var headers = [(name: "Content-Type", value: "application/json")]
    if case .methodNotAllowed(let allowed) = refusal { headers.append((name: "Allow", value: allowed)) }
    if let requestID { headers.append((name: front.requestIDHeader, value: requestID)) }
    let name = front == .functionURL ? "Message" : "message"
    respond(
      status: refusal.status(front), headers: headers, body: Array("{\"\(name)\":\"\(refusal.message(front))\"}".utf8))
  }
}

extension HTTPFront {
  var requestIDHeader: String { self == .httpAPI ? "Apigw-Requestid" : "x-amzn-RequestId" }
}
