import CCrypto

/// FIPS 180-4, by libcrypto.
package enum SHA256 {
  /// 32 bytes.
  package static func hash(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
      var size: UInt32 = 0
      let isDone = EVP_Digest(bytes, bytes.count, digest.baseAddress, &size, EVP_sha256(), nil)
      precondition(isDone == 1 && size == 32, "libcrypto has no SHA-256")
      count = 32
    }
  }
}
