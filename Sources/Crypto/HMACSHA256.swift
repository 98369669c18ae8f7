/// HMAC (RFC 2104) over SHA-256 under one key. What the key alone decides, a block of each of the two hashes, is
/// computed once.
package struct HMACSHA256: Sendable {
  private var inner = SHA256()
  private var outer = SHA256()

  package init(key: [UInt8]) {
    var block = key.count > 64 ? SHA256.hash(key).bytes : key
    block += [UInt8](repeating: 0, count: 64 - block.count)
    inner.update(block.map { $0 ^ 0x36 })
    outer.update(block.map { $0 ^ 0x5C })
  }

  package init(key: Digest) { self.init(key: key.bytes) }

  package func code(of message: [UInt8]) -> Digest {
    var (inner, outer) = (inner, outer)
    inner.update(message)
    outer.update(inner.finish())
    return outer.finish()
  }
}
