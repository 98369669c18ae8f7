/// What the gateway's front asks of the room that runs functions. Everything happens on the loop's thread.
protocol FunctionInvoker: AnyObject {
  /// Whether a function of that name is known.
  func hasFunction(_ name: String) -> Bool

  /// Runs a function once and calls `completion` once, later, never from inside this call.
  ///
  /// `timeoutMilliseconds` bounds the wait of the caller (29 s for a WebSocket route), not the function itself.
  func invoke(
    _ name: String, payload: [UInt8], timeoutMilliseconds: Int64, completion: @escaping (InvocationOutcome) -> Void)
}

/// How an invocation ended.
enum InvocationOutcome {
  /// The function's answer, as it posted it.
  case response([UInt8])
  /// The function reported an error, or died, or could not be started: Lambda's error document
  /// (`{"errorMessage":…,"errorType":…}`) and the error type (`Runtime.ExitError`, `Function.Unknown` …).
  case functionError(document: [UInt8], type: String)
  /// No answer within the caller's time.
  case timedOut
  /// Every environment is busy and the queue is full, as Lambda's 429 `TooManyRequestsException`.
  case throttled
  case unknownFunction
}
