import Messaging

/// Textual encodings of keys (RFC 7468).
enum PEM {
  struct Block: Equatable {
    /// `PUBLIC KEY`
    let label: String
    let content: [UInt8]
  }

  /// The blocks of a text; nil if it is not wholly made of them. Line ends may be lost on the way through a variable:
  /// they may be spaces, or written as `\n`.
  static func blocks(in text: String) -> [Block]? {
    var rest = Array(text.utf8)[...]
    var blocks: [Block] = []
    while true {
      skipBlanks(&rest)
      if rest.isEmpty { return blocks }
      guard let label = line("-----BEGIN ", rest: &rest), let end = offset(of: "-----END \(label)-----", in: rest)
      else {
        return nil
      }
      var content = rest[..<end]
      var digits: [UInt8] = []
      while true {
        skipBlanks(&content)
        guard let digit = content.popFirst() else { break }
        digits.append(digit)
      }
      guard let decoded = Base64.decode(digits), !decoded.isEmpty else { return nil }
      blocks.append(Block(label: label, content: decoded))
      rest = rest[end...].dropFirst("-----END \(label)-----".utf8.count)
    }
  }

  private static func skipBlanks(_ rest: inout ArraySlice<UInt8>) {
    while let byte = rest.first {
      if byte <= 0x20 {
        rest.removeFirst()
      } else if rest.starts(with: #"\n"#.utf8) || rest.starts(with: #"\r"#.utf8) {
        rest.removeFirst(2)
      } else {
        return
      }
    }
  }

  /// What stands between `start` and five dashes.
  private static func line(_ start: String, rest: inout ArraySlice<UInt8>) -> String? {
    guard rest.starts(with: start.utf8) else { return nil }
    let after = rest.dropFirst(start.utf8.count)
    guard let end = offset(of: "-----", in: after) else { return nil }
    rest = after[end...].dropFirst(5)
    return String(decoding: after[..<end], as: UTF8.self)
  }

  private static func offset(of text: String, in bytes: ArraySlice<UInt8>) -> Int? {
    let wanted = Array(text.utf8)
    return bytes.indices.first { bytes[$0...].starts(with: wanted) }
  }
}
