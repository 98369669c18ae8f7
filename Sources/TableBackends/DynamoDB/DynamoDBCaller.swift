import AWS
import ConnectionStore
package import HTTPClient
import JSON
import Telemetry

/// Makes the calls of DynamoDB's JSON protocol 1.0: signed, checked, and made again where that may help.
final class DynamoDBCaller {
  let location: DynamoDBLocation
  private let session: SignedSession
  private let clock: Clock
  private let randomness: Randomness
  private let deadline: CallDeadline

  init(
    _ location: DynamoDBLocation, _ session: SignedSession, clock: Clock, randomness: Randomness, deadline: CallDeadline
  ) {
    self.location = location
    self.session = session
    self.clock = clock
    self.randomness = randomness
    self.deadline = deadline
  }

  /// A call: the operation after `DynamoDB_20120810.`, and its request.
  struct Call {
    let operation: String
    let body: [UInt8]
    /// What the caller of the table was doing, for its errors.
    let verb: String
    let key: ItemKey?
    /// False: done twice it is another thing, so it is not made again after an answer that was lost.
    var isRepeatable = true
  }

  /// The answer's body. Refusals that no repetition helps against are thrown as they are.
  func send(_ call: Call) throws(CallFailure) -> [UInt8] { try send([call])[0].get() }

  /// All of them side by side; each is made again by itself, as long as the deadline leaves time for it.
  func send(_ calls: [Call]) -> [Result<[UInt8], CallFailure>] {
    var outcomes = [Result<[UInt8], CallFailure>](repeating: .failure(.noTimeLeft), count: calls.count)
    var open = Array(calls.indices)
    var attempt = 1
    while let milliseconds = deadline.callMilliseconds(now: clock.milliseconds()) {
      let answers = session.send(open.map { request(calls[$0], milliseconds: milliseconds) })
      for (index, answer) in zip(open, answers) { outcomes[index] = judge(answer, call: calls[index]) }
      open = open.filter { mayTryAgain(calls[$0], outcome: outcomes[$0]) }
      let isThrottled = open.contains { outcomes[$0].failure?.isThrottling == true }
      guard !open.isEmpty, pause(afterAttempts: attempt, isThrottled: isThrottled) else { break }
      attempt += 1
    }
    return outcomes
  }

  private func mayTryAgain(_ call: Call, outcome: Result<[UInt8], CallFailure>) -> Bool {
    guard let failure = outcome.failure else { return false }
    return failure.mayPass && (failure.wasNotDone || call.isRepeatable)
  }

  /// About half a minute of waiting on the average, a minute at most.
  private static let attempts = 16
  /// Of a call that was throttled: it takes longer to go away than a broken connection.
  private static let throttled = Backoff(baseMilliseconds: 100, attempts: attempts)
  private static let broken = Backoff(baseMilliseconds: 25, attempts: attempts)

  /// Waits before another attempt; false, at once, if there is to be none.
  func pause(afterAttempts made: Int, isThrottled: Bool = true) -> Bool {
    let backoff = isThrottled ? Self.throttled : Self.broken
    guard let milliseconds = backoff.delayMilliseconds(afterAttempts: made, randomness: randomness),
      deadline.allowsAttempt(after: milliseconds, now: clock.milliseconds())
    else { return false }
    clock.pause(milliseconds)
    return true
  }

  private func request(_ call: Call, milliseconds: Int64) -> HTTPRequest {
    HTTPRequest(
      method: "POST", url: location.url,
      headers: [
        ("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "DynamoDB_20120810.\(call.operation)"),
        ("Accept-Encoding", "identity"),
      ],
      body: call.body, connectMilliseconds: 2_000, totalMilliseconds: Int(min(10_000, milliseconds)),
      maximumBodyBytes: 20 << 20)
  }

  private func judge(
    _ answer: Result<HTTPResponse, AWSCallError>, call: Call
  ) -> Result<[UInt8], CallFailure> {
    switch answer {
    case .failure(.credentials(let error)): return .failure(.unusable(error.description))
    case .failure(.transport(let error)): return .failure(.transport(error))
    case .success(let response):
      if let sum = response.header("x-amz-crc32"), UInt32(sum) != CRC32.checksum(response.body) {
        return .failure(.garbled("the answer's checksum does not fit it"))
      }
      guard response.status == 200 else { return .failure(.refused(Refusal(response))) }
      return .success(response.body)
    }
  }
}

/// Why a call has no result.
enum CallFailure: Error {
  /// The call was not made: the invocation ends too soon.
  case noTimeLeft
  case unusable(String)
  case transport(HTTPClientError)
  case garbled(String)
  case refused(Refusal)

  /// Whether the same call may succeed a little later.
  var mayPass: Bool {
    switch self {
    case .unusable, .noTimeLeft: return false
    case .garbled: return true
    case .transport(let error):
      switch error.kind {
      case .invalidRequest, .tls, .answerTooLarge, .other: return false
      case .nameNotResolved, .notConnected, .timedOut, .closed: return true
      }
    case .refused(let refusal):
      switch refusal.kind {
      case .throttled, .transient, .conflict: return true
      case .cancelled: return !refusal.reasons.isEmpty && refusal.reasons.allSatisfy(Self.isPassing)
      default: return false
      }
    }
  }

  /// A transaction was cancelled for nothing that is the caller's.
  private static func isPassing(_ reason: String) -> Bool {
    switch reason {
    case "None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded": true
    default: false
    }
  }

  /// Whether it is certain that nothing was written.
  var wasNotDone: Bool {
    switch self {
    case .unusable, .noTimeLeft: true
    case .garbled: false
    case .transport(let error): error.kind == .nameNotResolved || error.kind == .notConnected
    case .refused(let refusal): refusal.kind != .transient
    }
  }

  var isThrottling: Bool {
    if case .refused(let refusal) = self { refusal.kind != .transient } else { false }
  }

  func tableError(_ call: DynamoDBCaller.Call, location: DynamoDBLocation) -> TableError {
    let (code, detail): (TableError.Code, String) =
      switch self {
      case .noTimeLeft: (.unavailable, "the invocation ends before an answer could come")
      case .unusable(let reason): (.unusable, reason)
      case .garbled(let reason): (.unavailable, reason)
      case .transport(let error):
        (error.kind == .tls || error.kind == .invalidRequest ? .unusable : .unavailable, error.description)
      case .refused(let refusal):
        switch refusal.kind {
        case .throttled: (.throttled, refusal.text)
        case .transient: (.unavailable, refusal.text)
        case .conflict, .cancelled: (.contention, refusal.text)
        case .conditionFailed: (.conditionFailed, "")
        case .invalid: (.invalidRequest, refusal.text)
        case .noTable: (.unusable, location.missingTable)
        case .denied: (.unusable, "\(location.description) refused: \(refusal.text)")
        case .other: (.unusable, "\(location.description) answered \(refusal.text)")
        }
      }
    return TableError(code: code, operation: call.verb, key: call.key, detail: detail)
  }
}

extension Result {
  fileprivate var failure: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}

/// Which table is meant, and where.
package struct DynamoDBLocation: Sendable {
  package let table: String
  package let region: String
  package let url: HTTPURL

  package init(table: String, region: String, url: HTTPURL) {
    self.table = table
    self.region = region
    self.url = url
  }

  package var description: String { "DynamoDB table \(table) in \(region) (\(url.origin))" }

  var missingTable: String {
    "there is no table \(table) in \(region) at \(url.origin); infra/deploy.sh makes it, CONNECTION_STORE names it, and "
      + "AWS_REGION the region"
  }
}
