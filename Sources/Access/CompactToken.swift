import JSON
import Messaging
package import Telemetry

/// Why a token is not taken, for the operator's log; its sender is never told.
package enum TokenFault: Error, Equatable, Sendable {
  case tooLong(bytes: Int)
  case malformed(LogText)
  /// No key that is configured goes with the algorithm that the token names.
  case algorithm(String)
  /// The token names extensions that have to be understood.
  case critical
  case unknownKey
  case signature
  case claim(LogText)
  case expired(secondsAgo: Int64)
  case notYet(seconds: Int64)
  case fromTheFuture(seconds: Int64)
  case audience
  case issuer

  package var reason: LogText {
    switch self {
    case .tooLong(let bytes): "a token of \(bytes) bytes; at most \(CompactToken.maximumBytes) are read"
    case .malformed(let what): "no token: \(what)"
    case .algorithm(let name): "no key for the token's algorithm '\(name)'"
    case .critical: "the token asks for extensions ('crit')"
    case .unknownKey: "the token's key ('kid') is not known"
    case .signature: "the token's signature is wrong"
    case .claim(let what): "the token's claims: \(what)"
    case .expired(let seconds): "the token expired \(seconds) s ago"
    case .notYet(let seconds): "the token holds only in \(seconds) s"
    case .fromTheFuture(let seconds): "the token was issued \(seconds) s in the future"
    case .audience: "the token is for somebody else ('aud')"
    case .issuer: "the token is by somebody else ('iss')"
    }
  }
}

/// The algorithms of signatures that are taken (RFC 7518, section 3.1).
package enum TokenAlgorithm: String, Sendable, CaseIterable {
  case hs256 = "HS256"
  case rs256 = "RS256"
  case es256 = "ES256"
}

/// A JWS in its compact form (RFC 7515, section 3.1), taken apart and not yet believed.
struct CompactToken {
  static let maximumBytes = 8192
  /// More nesting than any claim needs.
  static let maximumDepth = 16

  let algorithm: TokenAlgorithm
  /// `kid`
  let keyID: String?
  /// What was signed: the first two parts with the dot between them.
  let signed: [UInt8]
  let claims: [UInt8]
  let signature: [UInt8]

  init(_ text: String) throws(TokenFault) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.maximumBytes else { throw .tooLong(bytes: bytes.count) }
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .malformed("\(parts.count) parts, not 3") }
    guard let header = Base64URL.decode(parts[0]), let claims = Base64URL.decode(parts[1]),
      let signature = Base64URL.decode(parts[2])
    else { throw .malformed("not base64url") }
    let names = try Self.readHeader(header)
    guard let name = names.algorithm else { throw .malformed("no 'alg'") }
    guard let algorithm = TokenAlgorithm(rawValue: name) else { throw .algorithm(String(name.prefix(16))) }
    self.algorithm = algorithm
    keyID = names.keyID
    signed = Array(bytes[..<parts[1].endIndex])
    self.claims = claims
    self.signature = signature
  }

  /// `jku`, `jwk`, `x5c` and `x5u`, by which a token would bring its own key, are not looked at.
  private static func readHeader(_ bytes: [UInt8]) throws(TokenFault) -> (algorithm: String?, keyID: String?) {
    var algorithm: String?
    var keyID: String?
    var isCritical = false
    var members = MemberReader(bytes)
    do throws(JSONError) {
      while let name = try members.next() {
        if name.hasSameBytes(as: "alg") {
          algorithm = try members.reader.string()
        } else if name.hasSameBytes(as: "kid") {
          keyID = try members.reader.string()
        } else {
          if name.hasSameBytes(as: "crit") { isCritical = true }
          try members.reader.skip()
        }
      }
    } catch {
      throw .malformed("its header: \(known: error.description)")
    }
    if members.hasDuplicates { throw .malformed("a member of its header is there twice") }
    if isCritical { throw .critical }
    return (algorithm, keyID)
  }
}
