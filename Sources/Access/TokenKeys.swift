package import Crypto
import Messaging

/// A key that signatures of tokens are checked with.
package struct TokenKey {
  package enum Material {
    /// Shared with whoever signs: HS256.
    case secret([UInt8])
    /// RS256 or ES256, as the key's kind says.
    case publicKey(PublicKey)
  }

  /// Its name (`kid`) in a set of keys; nil: it has none and is tried whatever name a token gives.
  package let id: String?
  package let material: Material

  package init(id: String? = nil, material: Material) {
    self.id = id
    self.material = material
  }

  /// The one algorithm it goes with: a token cannot choose another by naming it, so no public key serves as a secret.
  var algorithm: TokenAlgorithm {
    switch material {
    case .secret: .hs256
    case .publicKey(let key): key.kind == .rsa ? .rs256 : .es256
    }
  }

  func verifies(_ token: CompactToken) -> Bool {
    guard token.algorithm == algorithm else { return false }
    switch material {
    case .secret(let secret):
      return ConstantTime.areEqual(HMACSHA256(key: secret).code(of: token.signed).bytes, right: token.signature)
    case .publicKey(let key): return key.verifies(token.signature, of: token.signed)
    }
  }

  /// Whether a token that names this key, or none, may have been signed with it.
  func mayFit(_ token: CompactToken) -> Bool {
    guard token.algorithm == algorithm else { return false }
    guard let id, let named = token.keyID else { return true }
    return id.hasSameBytes(as: named)
  }
}
