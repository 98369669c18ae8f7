/// Percent-encoding as Signature Version 4 asks for it: all but the unreserved characters of RFC 3986 section 2.3, with
/// capital hexadecimal digits.
enum URIEncoding {
  /// `leavesSlashes`: in a path a slash stands between segments; in a query it is data.
  static func append(_ bytes: some Sequence<UInt8>, leavesSlashes: Bool, to text: inout [UInt8]) {
    for byte in bytes {
      if isUnreserved(byte) || leavesSlashes && byte == UInt8(ascii: "/") {
        text.append(byte)
      } else {
        appendTriplet(byte, to: &text)
      }
    }
  }

  static func encoded(_ text: some StringProtocol) -> String {
    var bytes: [UInt8] = []
    append(text.utf8, leavesSlashes: false, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What a `%` and two hexadecimal digits stand for; any other byte stands for itself. A `+` is no space.
  static func decoded(_ text: some StringProtocol) -> [UInt8] {
    let bytes = Array(text.utf8)
    var decoded: [UInt8] = []
    var place = 0
    while place < bytes.count {
      if bytes[place] == UInt8(ascii: "%"), place + 2 < bytes.count,
        let high = digit(bytes[place + 1]), let low = digit(bytes[place + 2])
      {
        decoded.append(high << 4 | low)
        place += 3
      } else {
        decoded.append(bytes[place])
        place += 1
      }
    }
    return decoded
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      true
    default: false
    }
  }

  private static func appendTriplet(_ byte: UInt8, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "%"))
    for half in [byte >> 4, byte & 15] {
      text.append(half < 10 ? UInt8(ascii: "0") + half : UInt8(ascii: "A") - 10 + half)
    }
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
