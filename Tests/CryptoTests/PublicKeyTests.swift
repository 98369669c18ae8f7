import Crypto
import Messaging
import TestSupport
import Testing

@Suite("Public keys")
struct PublicKeyTests {
  private func decoded(_ text: String) -> [UInt8] { Base64URL.decode(text.utf8) ?? [] }

  /// RFC 7515, appendix A.3: the key, what was signed, and the signature.
  private let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
  private let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
  private let signed =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
  private let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

  @Test("ES256 verifies the signature of its RFC, and no other")
  func es256() throws {
    let key = try #require(PublicKey(x: decoded(x), y: decoded(y)))
    #expect(key.kind == .p256)
    let signature = decoded(signature)
    #expect(key.verifies(signature, of: bytes(signed)))
    #expect(!key.verifies(signature, of: bytes(signed + "x")))
    #expect(!key.verifies([], of: bytes(signed)))
    #expect(!key.verifies(signature + [0], of: bytes(signed)))
    #expect(!key.verifies(Array(signature[32...] + signature[..<32]), of: bytes(signed)))
    for place in signature.indices {
      var changed = signature
      changed[place] ^= 1
      #expect(!key.verifies(changed, of: bytes(signed)))
    }
  }

  /// RFC 7515, appendix A.1.
  @Test("HS256 gives the code of its RFC")
  func hs256() {
    let key = decoded("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
    let signed =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    let code = HMACSHA256(key: key).code(of: bytes(signed))
    #expect(
      Base64URL.encode(code.bytes) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
  }

  @Test("points that are not on the curve, and numbers of other lengths, make no key")
  func badPoints() {
    #expect(PublicKey(x: decoded(x), y: decoded(x)) == nil)
    #expect(PublicKey(x: decoded(y), y: decoded(x)) == nil)
    #expect(PublicKey(x: [], y: []) == nil)
    #expect(PublicKey(x: [UInt8](repeating: 0, count: 32), y: [UInt8](repeating: 0, count: 32)) == nil)
    #expect(PublicKey(x: [UInt8](repeating: 0xFF, count: 32), y: [UInt8](repeating: 0xFF, count: 32)) == nil)
    #expect(PublicKey(x: [0] + decoded(x), y: decoded(y)) == nil)
  }

  @Test("an RSA exponent with which everybody can sign, or nobody, makes no key")
  func exponents() {
    let modulus = [UInt8](repeating: 0xFF, count: 256)
    for exponent in [[0], [1], [2], [0, 0, 1], [1, 0, 0]] as [[UInt8]] {
      #expect(PublicKey(modulus: modulus, exponent: exponent) == nil, "\(exponent)")
    }
    for exponent in [[3], [17], [1, 0, 1], [UInt8](repeating: 0xFF, count: 8)] as [[UInt8]] {
      #expect(PublicKey(modulus: modulus, exponent: exponent)?.kind == .rsa, "\(exponent)")
    }
  }

  @Test("an RSA modulus outside 2048 to 8192 bits makes no key")
  func moduli() {
    let exponent: [UInt8] = [1, 0, 1]
    #expect(PublicKey(modulus: [], exponent: []) == nil)
    #expect(PublicKey(modulus: [UInt8](repeating: 0xFF, count: 255), exponent: exponent) == nil)
    #expect(PublicKey(modulus: [UInt8](repeating: 0xFF, count: 256), exponent: exponent)?.kind == .rsa)
    #expect(PublicKey(modulus: [UInt8](repeating: 0xFF, count: 1025), exponent: exponent) == nil)
    #expect(PublicKey(modulus: [UInt8](repeating: 0xFF, count: 256), exponent: [UInt8](repeating: 1, count: 9)) == nil)
  }

  @Test("bytes that are no key, in any length and with anything behind it, make none and crash nothing")
  func noKeys() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    for length in 0..<200 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(PublicKey(subjectPublicKeyInfo: bytes) == nil, "seed \(seed)")
    }
    let prefix: [UInt8] = [
      0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
      0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]
    let whole = prefix + decoded(x) + decoded(y)
    #expect(PublicKey(subjectPublicKeyInfo: whole) != nil)
    #expect(PublicKey(subjectPublicKeyInfo: whole + [0]) == nil)
    for length in whole.indices { #expect(PublicKey(subjectPublicKeyInfo: Array(whole[..<length])) == nil) }
  }
}
