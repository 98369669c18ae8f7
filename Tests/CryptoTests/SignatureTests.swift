import Crypto
import TestSupport
import Testing

@Suite("Hashes, codes and signatures")
struct SignatureTests {
  /// RFC 4231, test case 2.
  @Test("HMAC-SHA-256 gives what its RFC gives")
  func hmac() {
    let code = HMACSHA256(key: bytes("Jefe")).code(of: bytes("what do ya want for nothing?")).bytes
    #expect(
      code.map { String($0, radix: 16) }.joined().hasPrefix("5bdcc146bf6")
        && code.prefix(4).elementsEqual([0x5B, 0xDC, 0xC1, 0x46]))
    #expect(code.suffix(4).elementsEqual([0x64, 0xEC, 0x38, 0x43]))
  }

  @Test("secrets are compared whole")
  func comparison() {
    #expect(ConstantTime.areEqual([1, 2, 3], right: [1, 2, 3]))
    #expect(ConstantTime.areEqual([], right: []))
    #expect(!ConstantTime.areEqual([1, 2, 3], right: [1, 2, 4]))
    #expect(!ConstantTime.areEqual([1, 2, 3], right: [1, 2]))
  }
}
