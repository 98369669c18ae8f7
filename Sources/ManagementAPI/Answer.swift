import JSON
import Messaging

/// What the API said, whatever the status.
package struct Answer: Sendable {
  package let status: Int
  /// As in `GoneException`: from the `x-amzn-ErrorType` header, or else from the body. Nil below 400 and where neither
  /// says.
  package let errorType: String?
  /// Empty for a post; of `GET` a JSON object. A 410 has none in practice.
  package let body: [UInt8]

  package init(status: Int, errorType: String? = nil, body: [UInt8] = []) {
    self.status = status
    self.errorType = errorType
    self.body = body
  }

  /// The header names the type up to its first colon; what follows is a link.
  init(status: Int, errorTypeHeader: String?, body: [UInt8]) {
    let named = errorTypeHeader.map { String($0.prefix { $0 != ":" }) }
    self.init(status: status, errorType: status < 400 ? nil : named ?? ErrorBody(body).type, body: body)
  }

  package enum Meaning: Sendable, Equatable {
    case accepted
    /// The client has left.
    case gone
    /// Too many calls: the same one later.
    case throttled
    /// More than 128 KB.
    case tooLarge
    /// The signature, or the policy of the signer, was not accepted; or there is no such path.
    case forbidden
    /// No other call like it will do better.
    case refused
    /// The gateway has failed: the same call later.
    case unavailable
  }

  /// By the error's type where there is one that says more than the status.
  package var meaning: Meaning {
    switch (status, errorType) {
    case (200..<300, _): .accepted
    case (410, _), (_, "GoneException"): .gone
    case (429, _), (_, "LimitExceededException"), (_, "ThrottlingException"), (_, "TooManyRequestsException"):
      .throttled
    case (413, _), (_, "PayloadTooLargeException"): .tooLarge
    case (401, _), (403, _): .forbidden
    case (500..., _): .unavailable
    default: .refused
    }
  }

  /// What became of a frame or of a close; nil: it was refused.
  var outcome: PostOutcome? {
    switch meaning {
    case .accepted: .accepted
    case .gone: .gone
    default: nil
    }
  }

  /// For people: `403 ExpiredTokenException: The security token included in the request is expired`.
  package var explanation: String {
    let message = ErrorBody(body).message
    return "\(status)\(errorType.map { " \($0)" } ?? "")\(message.map { ": \($0)" } ?? "")"
  }
}

/// The body of a refusal, if it is one: `{"message":"Forbidden","__type":"…#ForbiddenException"}`. Any other body, and
/// none, says nothing.
private struct ErrorBody {
  private(set) var type: String?
  private(set) var message: String?

  init(_ body: [UInt8]) {
    do throws(JSONError) {
      var reader = JSONReader(body)
      try reader.beginObject()
      while let key = try reader.nextKey() {
        switch key {
        case "__type", "code": type = try Self.text(from: &reader).map { String($0.drop(through: "#")) }
        case "message", "Message": message = try Self.text(from: &reader)
        default: try reader.skip()
        }
      }
    } catch {
      // What was read before the fault may still tell.
    }
  }

  private static func text(from reader: inout JSONReader) throws(JSONError) -> String? {
    if try reader.peek() == .string { return try reader.string() }
    try reader.skip()
    return nil
  }
}

extension String {
  /// What follows the character; all of it where there is none.
  fileprivate func drop(through character: Character) -> Substring {
    firstIndex(of: character).map { self[index(after: $0)...] } ?? self[...]
  }
}
