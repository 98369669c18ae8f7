import ConnectionStore
import HTTPClient
import JSON

/// An answer that is no success: what DynamoDB said.
struct Refusal {
  /// `ConditionalCheckFailedException`, without what stands before `#`; empty where the answer names none.
  let type: String
  let message: String
  let status: Int
  /// Of a cancelled transaction, one a write: `None`, `ConditionalCheckFailed`, `TransactionConflict` …
  let reasons: [String]

  init(_ response: HTTPResponse) {
    var type = ""
    var message = ""
    var reasons: [String] = []
    var reader = JSONReader(response.body)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch name {
        case "__type": type = try reader.string()
        // Some exceptions of DynamoDB spell it with a capital.
        case "message", "Message": message = try reader.null() ? "" : try reader.string()
        case "CancellationReasons": reasons = try Self.reasons(from: &reader)
        default: try reader.skip()
        }
      }
    } catch {
      message = "an answer that is not JSON"
    }
    let named = type.isEmpty ? response.header("x-amzn-errortype") ?? "" : type
    self.type = String(named.split(separator: "#").last?.prefix { $0 != ":" } ?? "")
    self.message = message
    self.reasons = reasons
    status = response.status
  }

  private static func reasons(from reader: inout JSONReader) throws(JSONError) -> [String] {
    var reasons: [String] = []
    try reader.beginArray()
    while try reader.nextElement() {
      var code = "None"
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if name == "Code" { code = try reader.null() ? "None" : try reader.string() } else { try reader.skip() }
      }
      reasons.append(code)
    }
    return reasons
  }

  enum Kind {
    case throttled
    /// Something broke inside; a write may have been done.
    case transient
    /// Another transaction is on one of the items.
    case conflict
    case conditionFailed
    case cancelled
    case invalid
    case noTable
    case denied
    case other
  }

  var kind: Kind {
    switch type {
    case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded",
      "LimitExceededException":
      .throttled
    case "TransactionInProgressException", "TransactionConflictException", "ReplicatedWriteConflictException": .conflict
    case "ConditionalCheckFailedException": .conditionFailed
    case "TransactionCanceledException": .cancelled
    case "ValidationException", "IdempotentParameterMismatchException", "ItemCollectionSizeLimitExceededException":
      .invalid
    case "ResourceNotFoundException": .noTable
    case "InternalServerError", "InternalServerErrorException", "RequestTimeout", "RequestTimeoutException": .transient
    case "AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException",
      "MissingAuthenticationTokenException", "IncompleteSignatureException", "InvalidSignatureException",
      "SignatureDoesNotMatch", "InvalidClientTokenId", "AccessDenied":
      .denied
    default: status >= 500 ? .transient : .other
    }
  }

  var text: String { "\(type.isEmpty ? "status \(status)" : type)\(message.isEmpty ? "" : ": \(message)")" }
}
