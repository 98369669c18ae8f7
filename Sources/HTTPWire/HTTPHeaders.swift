/// The header fields of one message, in the order they came, names with the case they came in.
///
/// A view over the head's bytes: a text is made only for a field that somebody asks for.
package struct HTTPHeaders: Sendable {
  struct Field: Sendable {
    let name: Range<Int>
    let value: Range<Int>
  }

  private let block: [UInt8]
  private let fields: [Field]

  package init() {
    block = []
    fields = []
  }

  init(block: [UInt8], fields: [Field]) {
    self.block = block
    self.fields = fields
  }

  package var count: Int { fields.count }

  /// The value of the first field of that name (any case), or nil.
  package subscript(_ name: StaticString) -> String? {
    fields.first { isNamed($0, name) }.map { text($0.value) }
  }

  /// The values of all fields of that name (any case), in order.
  package func values(_ name: StaticString) -> [String] {
    fields.filter { isNamed($0, name) }.map { text($0.value) }
  }

  /// Every field, in order.
  package var all: [(name: String, value: String)] {
    fields.map { (text($0.name), text($0.value)) }
  }

  /// Whether a field of that name has `token` in its comma-separated list (any case), as in `Connection: keep-alive, Upgrade`.
  package func contains(_ name: StaticString, token: String) -> Bool {
    values(name).contains { value in
      value.split(separator: ",").contains { $0.trimmingSpaces().lowercased() == token }
    }
  }

  /// Whether there is a field of that name (any case).
  package func has(_ name: StaticString) -> Bool { fields.contains { isNamed($0, name) } }

  /// The number all `Content-Length` fields agree on; nil if there is none (RFC 9112 section 6.3).
  func contentLength() throws(HTTPWireError) -> Int? {
    var digits: Range<Int>?
    for field in fields where isNamed(field, "content-length") {
      if let digits, block[digits] != block[field.value] { throw HTTPWireError(.ambiguousLength) }
      digits = field.value
    }
    guard let digits else { return nil }
    guard (1...18).contains(digits.count) else { throw HTTPWireError(.ambiguousLength) }
    var length = 0
    for byte in block[digits] {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw HTTPWireError(.ambiguousLength) }
      length = length * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return length
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: block[range], as: UTF8.self) }

  private func isNamed(_ field: Field, _ name: StaticString) -> Bool {
    guard field.name.count == name.utf8CodeUnitCount else { return false }
    for (offset, place) in field.name.enumerated()
    where ASCII.lowercased(block[place]) != ASCII.lowercased(name.utf8Start[offset]) {
      return false
    }
    return true
  }
}

extension Substring {
  fileprivate func trimmingSpaces() -> Substring {
    var text = self
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}

/// The byte classes of RFC 9110 section 5.6.2 that the readers need.
enum ASCII {
  static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }

  /// A character of a header name or a method.
  static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"),
      UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"),
      UInt8(ascii: "|"), UInt8(ascii: "~"):
      true
    default: false
    }
  }

  static func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
