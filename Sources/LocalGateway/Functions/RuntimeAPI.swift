/// The Runtime API's words: paths, headers, answers (AWS Lambda Developer Guide, "Using the Lambda runtime API").
enum RuntimeAPI {
  /// The largest buffered answer of a function: 6 MiB and 100 bytes.
  static let maximumResponseBytes = (6 << 20) + 100

  /// Bodies beyond Lambda's limit are read up to this, so that they can be answered with 413.
  static let maximumBodyBytes = 64 << 20

  enum Request: Equatable {
    case next
    case response(requestID: String)
    case error(requestID: String)
    case initError
    case ping
  }

  /// Nil for a path that the Runtime API does not have.
  static func request(method: String, target: String) -> Request? {
    switch (method, target) {
    case ("GET", "/2018-06-01/runtime/invocation/next"): return .next
    case ("POST", "/2018-06-01/runtime/init/error"): return .initError
    case ("GET", "/2018-06-01/ping"): return .ping
    default: break
    }
    let prefix = "/2018-06-01/runtime/invocation/"
    guard method == "POST", target.hasPrefix(prefix) else { return nil }
    let rest = target.dropFirst(prefix.count)
    guard let slash = rest.firstIndex(of: "/") else { return nil }
    switch rest[rest.index(after: slash)...] {
    case "response": return .response(requestID: String(rest[..<slash]))
    case "error": return .error(requestID: String(rest[..<slash]))
    default: return nil
    }
  }

  /// What is said to a request that is refused: the status, and the document's message and type.
  struct Refusal {
    let status: Int
    let message: String
    let type: String

    static let invalidRequestID = Refusal(status: 400, message: "Invalid request ID", type: "InvalidRequestID")
    static let invalidResponseMode = Refusal(
      status: 400, message: "Invalid function response mode", type: "InvalidFunctionResponseMode")
    static let invalidStateTransition = Refusal(
      status: 403, message: "State transition is not allowed", type: "InvalidStateTransition")
    static let notFound = Refusal(status: 404, message: "The Runtime API has no such path", type: "NotFound")
    static let timedOut = Refusal(status: 410, message: "Invoke timeout", type: "InvokeTimeout")
    static let tooLarge = Refusal(
      status: 413, message: "Exceeded maximum allowed payload size (\(maximumResponseBytes) bytes).",
      type: "RequestEntityTooLarge")

    static func streamTooLarge(maximumBytes: Int) -> Refusal {
      Refusal(
        status: 413, message: "Exceeded maximum allowed payload size (\(maximumBytes) bytes).",
        type: "RequestEntityTooLarge")
    }
  }

  /// `Lambda-Runtime-Function-Error-Type` as Lambda records it: `Runtime.Xxx` or `Function.Xxx` wherever it stands in
  /// the text, else one of the two unknowns.
  static func normalizedErrorType(_ header: String?) -> String {
    let text = Array((header ?? "").utf8)
    for start in text.indices {
      for category in ["Runtime.", "Function."] where text[start...].starts(with: category.utf8) {
        let reason = text[(start + category.utf8.count)...].prefix(while: isLetter)
        guard reason.count >= 2, reason.first.map(isUppercase) == true else { continue }
        return category + String(decoding: reason, as: UTF8.self)
      }
    }
    return text.starts(with: "Function.".utf8) ? "Function.Unknown" : "Runtime.Unknown"
  }

  private static func isUppercase(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "A") < 26 }

  private static func isLetter(_ byte: UInt8) -> Bool { isUppercase(byte & ~0x20) && byte >= 0x41 }
}

extension HTTPResponder {
  /// 202, as every posted answer is acknowledged.
  func acknowledge() {
    respond(
      status: 202,
      prepared:
        "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"OK\"}")
  }

  func refuse(_ refusal: RuntimeAPI.Refusal) {
    let document = ErrorDocument.json(message: refusal.message, type: refusal.type)
    respond(status: refusal.status, headers: [("Content-Type", "application/json")], body: document)
  }
}
