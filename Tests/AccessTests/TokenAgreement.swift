import FoundationEssentials
import Messaging

@testable import Access

/// What must hold of any bytes that come as a credential, as claims or as keys. The tests, the kept failures and the
/// fuzzer check the same.
enum TokenAgreement {
  /// Nil if all holds, else what does not.
  static func violation(of input: [UInt8]) -> String? {
    let text = String(decoding: input, as: UTF8.self)
    if let keys = try? JSONWebKeys.decode(input), keys.count > JSONWebKeys.maximumKeys { return "\(keys.count) keys" }
    _ = PEM.blocks(in: text)
    return spelling(text) ?? claims(input) ?? places(text)
  }

  /// A token that is read could not have been written otherwise.
  private static func spelling(_ text: String) -> String? {
    guard let token = try? CompactToken(text) else { return nil }
    let again = token.signed + [UInt8(ascii: ".")] + Base64URL.encode(token.signature).utf8
    guard again.elementsEqual(text.utf8) else { return "another spelling: \(String(decoding: again, as: UTF8.self))" }
    guard String(decoding: token.signed, as: UTF8.self).hasSuffix(".\(Base64URL.encode(token.claims))") else {
      return "other claims than were signed"
    }
    return claims(token.claims)
  }

  private struct FoundationClaims: Decodable {
    let sub: String?
    let exp: Double?
  }

  /// Two readers of the same claims must not believe two different users or ends.
  private static func claims(_ input: [UInt8]) -> String? {
    guard let ours = try? TokenClaims(input, userClaim: "sub"),
      let theirs = try? JSONDecoder().decode(FoundationClaims.self, from: Data(input))
    else { return nil }
    guard (ours.user ?? "").utf8.elementsEqual((theirs.sub ?? "").utf8) else {
      return "user \(ours.user ?? "none") or \(theirs.sub ?? "none")"
    }
    guard ours.expires == theirs.exp.map({ Int64($0) }) else { return "the end differs" }
    return nil
  }

  /// What is taken out of a field stood in it.
  private static func places(_ text: String) -> String? {
    for name in ["Cookie", "Authorization", "Sec-WebSocket-Protocol", "x-api-key"] {
      for credential in Credential.all(in: PresentedCredentials(headers: [(name: name, value: text)])) {
        _ = credential.form
        let bytes = Array(credential.text.utf8)
        let isThere = bytes.isEmpty || text.utf8.indices.contains { text.utf8[$0...].starts(with: bytes) }
        guard isThere else { return "\(credential.text) out of \(name)" }
      }
    }
    return nil
  }
}
