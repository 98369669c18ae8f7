import CCrypto

// The border to libcrypto: every call and every pointer of it is in this file.

/// SHA-256 of bytes that come in pieces. A value: a copy goes on from where the original stands.
struct SHA256 {
  private var state = SHA256_CTX()

  init() { SHA256_Init(&state) }

  mutating func update(_ bytes: [UInt8]) { SHA256_Update(&state, bytes, bytes.count) }

  mutating func finish() -> Digest {
    var bytes = SIMD32<UInt8>()
    withUnsafeMutableBytes(of: &bytes) {
      _ = SHA256_Final($0.baseAddress?.assumingMemoryBound(to: UInt8.self), &state)
    }
    return Digest(bytes: bytes)
  }

  mutating func update(_ digest: Digest) {
    withUnsafeBytes(of: digest.bytes) { _ = SHA256_Update(&state, $0.baseAddress, $0.count) }
  }

  static func hash(_ bytes: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }
}

/// The 32 bytes of a SHA-256 or of an HMAC made with it.
package struct Digest: Equatable, Sendable {
  fileprivate let bytes: SIMD32<UInt8>

  /// Sixty-four lower-case hexadecimal digits.
  package var hexadecimal: String {
    var text: [UInt8] = []
    appendHexadecimal(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  package func appendHexadecimal(to text: inout [UInt8]) {
    for place in 0..<32 {
      text.append(Self.digit(bytes[place] >> 4))
      text.append(Self.digit(bytes[place] & 15))
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
  }
}

/// HMAC-SHA-256 (RFC 2104) under one key. What the key alone decides, a block of each of the two hashes, is computed once.
struct HMAC {
  private var inner = SHA256()
  private var outer = SHA256()

  init(key: [UInt8]) {
    var block = key
    if key.count > 64 {
      block = []
      SHA256.hash(key).append(to: &block)
    }
    block += [UInt8](repeating: 0, count: 64 - block.count)
    inner.update(block.map { $0 ^ 0x36 })
    outer.update(block.map { $0 ^ 0x5C })
  }

  init(key: Digest) {
    var bytes: [UInt8] = []
    key.append(to: &bytes)
    self.init(key: bytes)
  }

  func authenticate(_ message: [UInt8]) -> Digest {
    var (inner, outer) = (inner, outer)
    inner.update(message)
    outer.update(inner.finish())
    return outer.finish()
  }
}

extension Digest {
  fileprivate func append(to array: inout [UInt8]) {
    for place in 0..<32 { array.append(bytes[place]) }
  }
}
