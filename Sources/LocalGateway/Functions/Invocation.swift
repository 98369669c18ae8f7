/// One invocation on its way to a function and back.
final class Invocation {
  /// What a caller may say beside the payload; empty values are not handed on.
  struct Context {
    /// Given where the caller tells it, or tries again; else one is made.
    var requestID: String?
    /// JSON, decoded from `X-Amz-Client-Context`.
    var clientContext: String?
    var tenantID: String?
    var traceID: String?
    /// A version or an alias, shown in the function's ARN.
    var qualifier: String?
    /// Whether the end of the log is wanted (`X-Amz-Log-Type: Tail`).
    var wantsLog = false
  }

  struct Result {
    let outcome: InvocationOutcome
    /// The last 4 KB of the log of this invocation, if it was wanted.
    let log: [UInt8]
  }

  let requestID: String
  let payload: [UInt8]
  let context: Context
  /// Takes the answer while it comes, if the caller can.
  private(set) var receiver: (any AnswerReceiver)?
  private(set) var log: [UInt8] = []
  private var completion: ((Result) -> Void)?

  init(
    requestID: String, payload: [UInt8], context: Context, receiver: (any AnswerReceiver)?,
    completion: @escaping (Result) -> Void
  ) {
    self.requestID = requestID
    self.receiver = receiver
    self.payload = payload
    self.context = context
    self.completion = completion
  }

  /// The first call counts: a caller that gave up is not told again.
  func complete(_ outcome: InvocationOutcome) {
    guard let completion else { return }
    self.completion = nil
    receiver = nil
    completion(Result(outcome: outcome, log: log.suffix(4096)))
  }

  /// Keeps the line if the caller wants the log.
  func record(_ line: [UInt8]) {
    guard context.wantsLog else { return }
    log.append(contentsOf: line)
    log.append(0x0A)
    // The end is what counts; it is cut rarely, so that a chatty function costs no more than its own lines.
    if log.count > 64 << 10 { log.removeFirst(log.count - 4096) }
  }
}
