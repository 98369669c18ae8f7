/// The few shapes of DER (ITU-T X.690) that public keys and signatures need.
enum DER {
  /// `SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 …` up to the point's coordinates (RFC 5480).
  static let p256Prefix: [UInt8] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
  ]

  /// `SEQUENCE { rsaEncryption, NULL }` (RFC 8017, appendix A.1).
  private static let rsaAlgorithm: [UInt8] = [
    0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
  ]

  static func sequence(_ content: [UInt8]) -> [UInt8] { [0x30] + length(content.count) + content }

  /// A number from its bytes, the highest first: without leading zeros but the one that keeps it positive.
  static func unsigned(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var digits = Array(bytes.drop { $0 == 0 })
    if digits.isEmpty || digits[0] >= 0x80 { digits.insert(0, at: 0) }
    return [0x02] + length(digits.count) + digits
  }

  static func rsaPublicKey(modulus: [UInt8], exponent: [UInt8]) -> [UInt8] {
    let key = sequence(unsigned(modulus) + unsigned(exponent))
    return sequence(rsaAlgorithm + [0x03] + length(key.count + 1) + [0] + key)
  }

  private static func length(_ count: Int) -> [UInt8] {
    if count < 0x80 { return [UInt8(count)] }
    var digits: [UInt8] = []
    var rest = count
    while rest > 0 {
      digits.insert(UInt8(rest & 0xFF), at: 0)
      rest >>= 8
    }
    return [0x80 | UInt8(digits.count)] + digits
  }
}

extension PublicKey {
  /// From the numbers of an RSA key, the highest byte first.
  package convenience init?(modulus: [UInt8], exponent: [UInt8]) {
    guard modulus.count <= 1024, exponent.count <= 8 else { return nil }
    self.init(subjectPublicKeyInfo: DER.rsaPublicKey(modulus: modulus, exponent: exponent))
  }

  /// From a point on P-256: 32 bytes each, the highest first.
  package convenience init?(x: [UInt8], y: [UInt8]) {
    guard x.count == 32, y.count == 32 else { return nil }
    self.init(subjectPublicKeyInfo: DER.p256Prefix + x + y)
  }
}
