import Crypto
import HTTPWire

/// Signs many requests to one host that differ only in method, path and body: 1 to 2 µs each with a long session token.
///
/// What stays the same is put together once: the key's hash states, the header lines with the token, and, for the
/// length of a second, those with the time. A fan-out sends one body many times: its hash is kept too.
///
///     var signer = RequestSigner(credentials, region: "eu-west-1", service: "execute-api", host: "abc.example.com")
///     signer.appendHeaders(method: "POST", path: range, body: frame, secondsSinceEpoch: now, to: &bytes)
package struct RequestSigner: Sendable {
  package let credentials: Credentials
  private let region: String
  private let service: String
  private let host: String
  /// The header lines of the canonical request, with the names that are signed after them, up to the payload's hash.
  private var canonicalTail: [UInt8] = []
  /// The string to sign up to the canonical request's hash.
  private var stringHead: [UInt8] = []
  /// The header lines that are sent, up to the signature.
  private var sentHead: [UInt8] = []
  private var secondsSinceEpoch = Int64.min
  private var scope: SigningScope
  private var key: SigningKey
  private var body: [UInt8] = []
  private var bodyHash: [UInt8] = []
  private var scratch: [UInt8] = []

  package init(_ credentials: Credentials, region: String, service: String, host: String) {
    self.credentials = credentials
    self.region = region
    self.service = service
    self.host = host
    scope = SigningMoment(secondsSinceEpoch: 0).scope(region: region, service: service)
    key = SigningKey(secretAccessKey: credentials.secretAccessKey, scope: scope)
    keepHash(of: [])
  }

  /// Appends the header lines, each with its line break: `X-Amz-Date`, `X-Amz-Security-Token` and `Authorization`.
  ///
  /// - Parameter path: where in `bytes` the path stands as it is sent: without a query, without `.`, `..` or empty
  ///   segments.
  package mutating func appendHeaders(
    method: StaticString, path: Range<Int>, body: [UInt8], secondsSinceEpoch: Int64, to bytes: inout [UInt8]
  ) {
    if secondsSinceEpoch != self.secondsSinceEpoch { move(to: SigningMoment(secondsSinceEpoch: secondsSinceEpoch)) }
    if body != self.body { keepHash(of: body) }
    let signature = signature(method, path: path, of: bytes)
    bytes += sentHead
    signature.appendHexadecimal(to: &bytes)
    bytes.append(0x0D)
    bytes.append(0x0A)
  }

  private mutating func signature(_ method: StaticString, path: Range<Int>, of bytes: [UInt8]) -> Digest {
    scratch.removeAll(keepingCapacity: true)
    method.withUTF8Buffer { scratch.append(contentsOf: $0) }
    scratch.append(0x0A)
    PercentEncoding.append(bytes[path], leavesSlashes: true, to: &scratch)
    scratch += canonicalTail
    scratch += bodyHash
    let hash = SHA256.hash(scratch)
    scratch.removeAll(keepingCapacity: true)
    scratch += stringHead
    hash.appendHexadecimal(to: &scratch)
    return key.signature(of: scratch)
  }

  private mutating func keepHash(of body: [UInt8]) {
    self.body = body
    bodyHash.removeAll(keepingCapacity: true)
    SHA256.hash(body).appendHexadecimal(to: &bodyHash)
  }

  private mutating func move(to moment: SigningMoment) {
    secondsSinceEpoch = moment.secondsSinceEpoch
    let today = moment.scope(region: region, service: service)
    if today != scope {
      scope = today
      key = SigningKey(secretAccessKey: credentials.secretAccessKey, scope: scope)
    }
    let token = credentials.sessionToken
    let names = token == nil ? "host;x-amz-date" : "host;x-amz-date;x-amz-security-token"
    let signedToken = token.map { "x-amz-security-token:\($0)\n" } ?? ""
    canonicalTail = Array("\n\nhost:\(host)\nx-amz-date:\(moment.text)\n\(signedToken)\n\(names)\n".utf8)
    stringHead = Array("\(StringToSign.algorithm)\n\(moment.text)\n\(scope.text)\n".utf8)
    let sentToken = token.map { "X-Amz-Security-Token: \($0)\r\n" } ?? ""
    let credential = "Credential=\(credentials.accessKeyID)/\(scope.text)"
    sentHead = Array(
      ("X-Amz-Date: \(moment.text)\r\n\(sentToken)Authorization: \(StringToSign.algorithm) \(credential), "
        + "SignedHeaders=\(names), Signature=").utf8)
  }
}

extension RequestSigner: CustomStringConvertible, CustomReflectable {
  package var description: String { "RequestSigner(\(service) in \(region), \(credentials))" }
  package var customMirror: Mirror { Mirror(self, children: ["credentials": credentials]) }
}
