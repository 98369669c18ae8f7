package import Crypto
import Telemetry

/// For what a signature counts: one day, one region, one service.
package struct SigningScope: Sendable, Hashable {
  /// `20150830`, in UTC.
  package let day: String
  package let region: String
  package let service: String

  /// As in the credential: `20150830/us-east-1/execute-api/aws4_request`.
  package var text: String { "\(day)/\(region)/\(service)/aws4_request" }
}

/// When a request is signed, to the second.
package struct SigningMoment: Sendable, Equatable {
  package let secondsSinceEpoch: Int64
  /// The value of `X-Amz-Date`: `20150830T123600Z`.
  package let text: String

  package init(secondsSinceEpoch: Int64) {
    self.secondsSinceEpoch = secondsSinceEpoch
    // 2015-08-30T12:36:00.000Z without its punctuation and milliseconds.
    let stamp = Timestamp.rfc3339(milliseconds: secondsSinceEpoch * 1000)
    text = stamp.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
  }

  package func scope(region: String, service: String) -> SigningScope {
    SigningScope(day: String(text.prefix(8)), region: region, service: service)
  }
}

/// The key that is derived from a secret for one scope: five hashes, so it is worth keeping for its day.
package struct SigningKey: Sendable {
  private let key: HMACSHA256

  package init(secretAccessKey: String, scope: SigningScope) {
    var key = HMACSHA256(key: Array("AWS4\(secretAccessKey)".utf8))
    for part in [scope.day, scope.region, scope.service, "aws4_request"] {
      key = HMACSHA256(key: key.code(of: Array(part.utf8)))
    }
    self.key = key
  }

  /// The last stage: the signature of a string to sign.
  package func signature(of stringToSign: String) -> Digest { key.code(of: Array(stringToSign.utf8)) }

  func signature(of stringToSign: [UInt8]) -> Digest { key.code(of: stringToSign) }
}

/// The second stage: what is signed, from the hash of the canonical request.
package enum StringToSign {
  package static let algorithm = "AWS4-HMAC-SHA256"

  package static func text(_ request: CanonicalRequest, at moment: SigningMoment, scope: SigningScope) -> String {
    "\(algorithm)\n\(moment.text)\n\(scope.text)\n\(request.hash.hexadecimal)"
  }
}
