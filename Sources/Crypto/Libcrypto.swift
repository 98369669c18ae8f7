import CCrypto

// The border to libcrypto: every call of it is in this file.

/// SHA-256 (FIPS 180-4) of bytes that come in pieces. A value: a copy goes on from where the original stands.
package struct SHA256: Sendable {
  private var state = SHA256_CTX()

  package init() { SHA256_Init(&state) }

  package mutating func update(_ bytes: [UInt8]) { SHA256_Update(&state, bytes, bytes.count) }

  package mutating func update(_ digest: Digest) {
    withUnsafeBytes(of: digest.vector) { _ = SHA256_Update(&state, $0.baseAddress, $0.count) }
  }

  package mutating func finish() -> Digest {
    var vector = SIMD32<UInt8>()
    withUnsafeMutableBytes(of: &vector) {
      _ = SHA256_Final($0.baseAddress?.assumingMemoryBound(to: UInt8.self), &state)
    }
    return Digest(vector: vector)
  }

  package static func hash(_ bytes: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }
}

/// Compares secrets in a time that tells nothing of where they differ; only their lengths can be told.
package enum ConstantTime {
  package static func areEqual(_ left: [UInt8], right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
  }
}

/// A public key that verifies signatures over SHA-256: RSA with PKCS #1 padding (RS256), or ECDSA on P-256 (ES256).
package final class PublicKey {
  package enum Kind: Sendable, Equatable {
    case rsa
    case p256
  }

  package let kind: Kind
  private let key: OpaquePointer

  /// Shorter moduli can be factored; longer ones make a verification expensive.
  private static let modulusBits = 2048...8192

  /// From a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) in DER, which is what a PEM block `PUBLIC KEY` holds. Nil
  /// for any other kind of key, another curve, a point that is not on it, an RSA modulus outside 2048 to 8192 bits, an
  /// RSA exponent that is even, below 3 or over 64 bits, and bytes after the key.
  package init?(subjectPublicKeyInfo bytes: [UInt8]) {
    defer { ERR_clear_error() }
    let read = bytes.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var position = buffer.baseAddress
      guard let key = d2i_PUBKEY(nil, &position, buffer.count) else { return nil }
      guard position == buffer.baseAddress.map({ $0 + buffer.count }) else {
        EVP_PKEY_free(key)
        return nil
      }
      return key
    }
    guard let read else { return nil }
    guard let kind = Self.kind(of: read, bytes: bytes) else {
      EVP_PKEY_free(read)
      return nil
    }
    self.kind = kind
    key = read
  }

  deinit { EVP_PKEY_free(key) }

  private static func kind(of key: OpaquePointer, bytes: [UInt8]) -> Kind? {
    switch EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_RSA: modulusBits.contains(Int(EVP_PKEY_get_bits(key))) && hasGoodExponent(key) ? .rsa : nil
    case EVP_PKEY_EC: bytes.starts(with: DER.p256Prefix) ? .p256 : nil
    default: nil
    }
  }

  /// With an exponent of 1 everybody can sign, with an even one nobody; a long one makes a verification expensive.
  private static func hasGoodExponent(_ key: OpaquePointer) -> Bool {
    var exponent: OpaquePointer?
    guard EVP_PKEY_get_bn_param(key, "e", &exponent) == 1, let exponent else { return false }
    defer { BN_free(exponent) }
    return BN_num_bits(exponent) <= 64 && BN_is_odd(exponent) == 1 && BN_get_word(exponent) >= 3
  }

  /// Whether the signature, as a JWS holds it (RFC 7518, sections 3.3 and 3.4), is this key's under the message.
  package func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
    guard kind == .p256 else { return verifies(libcryptoSignature: signature, message: message) }
    // Both numbers at full length, one behind the other; libcrypto takes them as DER.
    guard signature.count == 64 else { return false }
    let pair = DER.sequence(DER.unsigned(signature[..<32]) + DER.unsigned(signature[32...]))
    return verifies(libcryptoSignature: pair, message: message)
  }

  private func verifies(libcryptoSignature signature: [UInt8], message: [UInt8]) -> Bool {
    guard let context = EVP_MD_CTX_new() else { return false }
    // A refused signature leaves its reason behind, where the next caller of this thread would find it.
    defer {
      EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    guard EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1 else { return false }
    return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }
}
