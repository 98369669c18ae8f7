import CCrypto

/// The keys of the opening handshake (RFC 6455 sections 4.1 and 4.2.2). The only file of this room that calls
/// libcrypto.
package enum WebSocketHandshake {
  /// The `Sec-WebSocket-Accept` that answers a client's `Sec-WebSocket-Key`.
  package static func accept(forKey key: String) -> String {
    let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    var digest = [UInt8](repeating: 0, count: 20)
    let result = EVP_Digest(text, text.count, &digest, nil, EVP_sha1(), nil)
    precondition(result == 1, "libcrypto has no SHA-1")
    return base64(digest)
  }

  /// A client's `Sec-WebSocket-Key`: sixteen random bytes.
  package static func makeKey() -> String {
    var generator = SystemRandomNumberGenerator()
    return base64((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
  }

  /// Whether a server may take it for a key: base64 of sixteen bytes.
  package static func isKey(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.count == 24 && bytes.hasSuffix("==") && bytes.dropLast(2).allSatisfy(isBase64)
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    // Four characters for three bytes, and a NUL.
    var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
    let count = EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
    return String(decoding: text[..<Int(count)], as: UTF8.self)
  }

  private static func isBase64(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
      true
    default: false
    }
  }
}

extension [UInt8] {
  fileprivate func hasSuffix(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { suffix(text.utf8CodeUnitCount).elementsEqual($0) }
  }
}
