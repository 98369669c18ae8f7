/// The origin of a web page, as a browser writes it: `https://app.example.com:8443` (RFC 6454, section 6.2), in small
/// letters and without a path.
package enum PageOrigin {
  package static let rule = "scheme://host or scheme://host:port in small letters, without a path"

  package static func isOne(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: Array("://".utf8)) else {
      return false
    }
    return isScheme(bytes[..<colon]) && isAuthority(bytes[(colon + 3)...])
  }

  private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, isLetter(first) else { return false }
    return bytes.allSatisfy { isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }
  }

  /// A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
  private static func isAuthority(_ bytes: ArraySlice<UInt8>) -> Bool {
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let address = bytes[(bytes.startIndex + 1)..<end]
      return !address.isEmpty && address.allSatisfy { isLetter($0) || isDigit($0) || ":.".utf8.contains($0) }
        && isPort(bytes[(end + 1)...])
    }
    let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
    let name = bytes[..<end]
    return !name.isEmpty && name.allSatisfy { isLetter($0) || isDigit($0) || "-._".utf8.contains($0) }
      && isPort(bytes[end...])
  }

  private static func isPort(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.isEmpty
      || (2...6).contains(bytes.count) && bytes.first == UInt8(ascii: ":") && bytes.dropFirst().allSatisfy(isDigit)
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
