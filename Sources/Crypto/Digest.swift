/// The 32 bytes of a SHA-256 or of an HMAC made with it.
package struct Digest: Equatable, Sendable {
  let vector: SIMD32<UInt8>

  package var bytes: [UInt8] { (0..<32).map { vector[$0] } }

  /// Sixty-four lower-case hexadecimal digits.
  package var hexadecimal: String {
    var text: [UInt8] = []
    appendHexadecimal(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  package func appendHexadecimal(to text: inout [UInt8]) {
    for index in 0..<32 {
      text.append(Self.digit(vector[index] >> 4))
      text.append(Self.digit(vector[index] & 15))
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
  }
}
