import JSON

/// Lambda's error documents: `{"errorMessage":…,"errorType":…}`.
enum ErrorDocument {
  static func json(message: String, type: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("errorMessage", message)
      writer.member("errorType", type)
    }
    return writer.bytes
  }

  /// What a function posted as its error, or, where that is not JSON, a document that quotes it.
  static func posted(_ body: [UInt8], type: String) -> [UInt8] {
    if isJSON(body) { return body }
    return json(message: String(decoding: body.prefix(4096), as: UTF8.self), type: type)
  }

  static func isJSON(_ bytes: [UInt8]) -> Bool {
    do throws(JSONError) {
      try JSONReader.validate(bytes)
      return true
    } catch { return false }
  }
}

extension FunctionPool.Failure {
  /// Lambda's name for it.
  var errorType: String {
    switch self {
    case .ended: "Runtime.ExitError"
    case .notStarted(let type, _), .initError(_, let type): type
    case .initTimedOut, .timedOut: "Sandbox.Timedout"
    case .callerTimedOut, .throttled, .stopped: "Sandbox.Failure"
    }
  }

  /// What is told about it; nil where that is not a matter of the function, or it spoke for itself.
  func message(_ limits: FunctionPool.Limits) -> String? {
    switch self {
    case .ended(.exited(status: 0)): "Runtime exited without providing a reason"
    case .ended(let end): "Runtime exited with error: \(end)"
    case .notStarted(_, let message): message
    case .initTimedOut:
      "Runtime did not ask for an invocation within \(seconds(limits.initMilliseconds)) seconds of its start"
    case .timedOut: "Task timed out after \(seconds(limits.timeoutMilliseconds)) seconds"
    case .stopped: "The gateway is stopping"
    case .initError, .callerTimedOut, .throttled: nil
    }
  }

  /// What the caller is told. Lambda's messages begin with the id of the request.
  func outcome(requestID: String, limits: FunctionPool.Limits) -> InvocationOutcome {
    switch self {
    case .callerTimedOut: return .timedOut
    case .throttled: return .throttled
    case .initError(let document, let type): return .functionError(document: document, type: type)
    case .ended, .notStarted, .initTimedOut, .timedOut, .stopped:
      let message = "RequestId: \(requestID) Error: \(message(limits) ?? "")"
      return .functionError(document: ErrorDocument.json(message: message, type: errorType), type: errorType)
    }
  }

  /// `3.00`
  private func seconds(_ milliseconds: Int64) -> String { Decimal.hundredths(milliseconds / 10) }
}

/// Numbers with two decimals, without Foundation.
enum Decimal {
  /// 123 → `1.23`
  static func hundredths(_ value: Int64) -> String {
    let rest = value % 100
    return "\(value / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}
