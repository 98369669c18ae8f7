import AWS
import HTTPClient
import HTTPWire
import Messaging

/// Writes the bytes of calls. What is the same in every request of an endpoint is put together once.
struct RequestEncoder {
  private let post: [UInt8]
  private let get: [UInt8]
  private let delete: [UInt8]
  /// From the end of the path to the end of the host's line.
  private let common: [UInt8]
  private let host: String
  private let authority: SigningAuthority?
  /// What the next calls are signed with; nil where calls are not signed.
  private(set) var signer: CallSigner?

  /// Without an authority calls are not signed.
  init(endpoint: HTTPURL, authority: SigningAuthority?) {
    let path = "\(endpoint.basePath)/@connections/"
    post = Array("POST \(path)".utf8)
    get = Array("GET \(path)".utf8)
    delete = Array("DELETE \(path)".utf8)
    common = Array(" HTTP/1.1\r\nHost: \(endpoint.authority)\r\n".utf8)
    host = endpoint.authority
    self.authority = authority
  }

  /// Takes over the time and the credentials as they are now: before calls are written, once for many.
  mutating func authorize() throws(CredentialError) {
    guard let authority else { return }
    let proof = try authority.proof()
    if let signer, signer.credentials == proof.credentials {
      signer.secondsSinceEpoch = proof.signedAt
    } else {
      signer = CallSigner(proof, authority, host: host)
    }
  }

  func append(_ call: Call, to bytes: inout [UInt8]) {
    switch call.verb {
    case .post(let frame):
      append("POST", start: post, id: call.id, body: frame, to: &bytes)
      HTTPWriter.append("Content-Type: application/octet-stream\r\nContent-Length: ", to: &bytes)
      HTTPWriter.append(decimal: frame.count, to: &bytes)
      HTTPWriter.append("\r\n\r\n", to: &bytes)
      bytes += frame
    case .get:
      append("GET", start: get, id: call.id, body: [], to: &bytes)
      HTTPWriter.append("\r\n", to: &bytes)
    case .delete:
      append("DELETE", start: delete, id: call.id, body: [], to: &bytes)
      HTTPWriter.append("\r\n", to: &bytes)
    }
  }

  /// The request line, the host and what proves who calls.
  private func append(
    _ method: StaticString, start: [UInt8], id: ConnectionID, body: [UInt8], to bytes: inout [UInt8]
  ) {
    let path = bytes.count + method.utf8CodeUnitCount + 1
    bytes += start
    Self.append(id: id, to: &bytes)
    let end = bytes.count
    bytes += common
    signer?.append(method: method, path: path..<end, body: body, to: &bytes)
  }

  /// The id as one path segment. Of the bytes an id may have, only `=` is not left as it is, and mostly it is the last.
  private static func append(id: ConnectionID, to bytes: inout [UInt8]) {
    let equals = UInt8(ascii: "=")
    var start = bytes.count
    if id.text.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
      bytes.append(contentsOf: id.text.utf8)
    }
    while start < bytes.count {
      if bytes[start] == equals {
        bytes.replaceSubrange(start...start, with: "%3D".utf8)
        start += 2
      }
      start += 1
    }
  }
}

/// Signs calls with one set of credentials, and knows by which second.
final class CallSigner {
  var credentials: Credentials { signer.credentials }
  /// By the service's clock, as far as that is known.
  var secondsSinceEpoch: Int64
  private var signer: RequestSigner

  init(_ proof: SigningAuthority.Proof, _ authority: SigningAuthority, host: String) {
    secondsSinceEpoch = proof.signedAt
    signer = RequestSigner(proof.credentials, region: authority.region, service: authority.service, host: host)
  }

  func append(method: StaticString, path: Range<Int>, body: [UInt8], to bytes: inout [UInt8]) {
    signer.appendHeaders(
      method: method, path: path, body: body, secondsSinceEpoch: secondsSinceEpoch, to: &bytes)
  }
}
