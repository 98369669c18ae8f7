import HTTPWire

/// The Runtime API did not take a request: what it said.
struct Refusal: Equatable, CustomStringConvertible {
  let status: Int
  /// As a rule JSON with `errorMessage` and `errorType`; its first 400 bytes.
  let body: String

  init(_ answer: RuntimeConnection.Answer) {
    status = answer.status
    body = String(decoding: answer.body.prefix(400), as: UTF8.self)
  }

  var description: String { body.isEmpty ? "status \(status)" : "status \(status): \(body)" }
}

/// A call to the Runtime API failed and the process cannot go on: which call, and why.
struct RuntimeAPIError: Error, CustomStringConvertible {
  enum Call: String {
    case next
    case response
    case error
    case initError = "init/error"
  }

  enum Reason {
    case connection(ConnectionError)
    case refused(Refusal)
    /// The answer to `next` has no such header, or nothing readable in it.
    case missingHeader(StaticString)
  }

  let call: Call
  let reason: Reason

  init(_ call: Call, _ reason: Reason) {
    self.call = call
    self.reason = reason
  }

  var description: String {
    switch reason {
    case .connection(let error): "Runtime API, \(call.rawValue): \(error)"
    case .refused(let refusal): "Runtime API, \(call.rawValue): refused with \(refusal)"
    case .missingHeader(let name): "Runtime API, \(call.rawValue): the answer has no valid \(name)"
    }
  }
}
