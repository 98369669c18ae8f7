/// What a function does with one event.
///
///     struct Echo: LambdaHandler {
///       mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] { event }
///     }
///
///     LambdaRuntime.run(Echo())
///
/// A handler lives as long as its process: what it opens when it is made is there for every event.
public protocol LambdaHandler {
  /// Turns an event's bytes into the answer's bytes; both are JSON as Lambda hands them over.
  ///
  /// An error that is thrown here is reported as the outcome of this invocation, and the next event is taken. An answer
  /// of more than 6 MiB is reported as `Function.ResponseSizeTooLarge` instead of being sent.
  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8]
}

extension LambdaHandler {
  /// The same handler, before each of whose events something else is told what Lambda says about it.
  ///
  ///     return Echo().afterReporting { deadline.set(milliseconds: $0.deadlineMilliseconds) }
  public func afterReporting(_ listener: @escaping (InvocationContext) -> Void) -> some LambdaHandler {
    ReportingHandler(handler: self, listener: listener)
  }
}

private struct ReportingHandler<Handler: LambdaHandler>: LambdaHandler {
  var handler: Handler
  let listener: (InvocationContext) -> Void

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    listener(context)
    return try handler.handle(event, context: context)
  }
}

/// An error that says how it is to be counted: Lambda keeps types of the form `Category.Reason`, for example
/// `Function.NoSuchStream`.
///
/// Other errors are reported as `Function.` and the name of their type.
public protocol LambdaError: Error {
  /// `Function.` or `Runtime.` and a reason in letters, the first a capital.
  var errorType: String { get }
}
