import JSON

/// A refusal of the Lambda Invoke API: the status, the exception's name and what it says.
struct InvokeError: Error {
  let status: Int
  /// `x-amzn-ErrorType`, by which the SDKs choose their exception.
  let type: String
  let message: String
  var reason: String?

  static func notFound(_ arn: String) -> InvokeError {
    InvokeError(status: 404, type: "ResourceNotFoundException", message: "Function not found: \(arn)")
  }

  static func invalidParameter(_ message: String) -> InvokeError {
    InvokeError(status: 400, type: "InvalidParameterValueException", message: message)
  }

  static func notJSON(_ message: String) -> InvokeError {
    InvokeError(status: 400, type: "InvalidRequestContentException", message: message)
  }

  static func tooLarge(bytes: Int, limit: Int, kind: String) -> InvokeError {
    InvokeError(
      status: 413, type: "RequestTooLargeException",
      message: "\(bytes) byte payload is too large for the \(kind) invocation type (limit \(limit) bytes)")
  }

  static let tooManyRequests = InvokeError(
    status: 429, type: "TooManyRequestsException", message: "Rate Exceeded.",
    reason: "ConcurrentInvocationLimitExceeded")
  static let methodNotAllowed = InvokeError(
    status: 405, type: "MethodNotAllowedException", message: "Functions are invoked with POST")
  static let failure = failure(status: 500)

  static func failure(status: Int) -> InvokeError {
    InvokeError(status: status, type: "ServiceException", message: "The function could not be invoked")
  }

  var document: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("Type", status < 500 ? "User" : "Service")
      writer.member("Reason", ifPresent: reason)
      writer.member("message", message)
      // The one exception whose message Lambda spells with a capital; the SDKs read both.
      if status == 404 { writer.member("Message", message) }
    }
    return writer.bytes
  }
}

extension HTTPResponder {
  func refuse(_ error: InvokeError) {
    respond(
      status: error.status,
      headers: [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.type)], body: error.document)
  }
}
