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

  /// Of all names and values.
  package var byteCount: Int { fields.reduce(0) { $0 + $1.name.count + $1.value.count } }

  /// The value of the first field of that name (any case), or nil.
  package subscript(_ name: StaticString) -> String? {
    firstIndex(name).map { text(fields[$0].value) }
  }

  /// The bytes of the value of the first field of that name (any case), or nil: no text is made.
  package func bytes(_ name: StaticString) -> ArraySlice<UInt8>? {
    firstIndex(name).map { block[fields[$0].value] }
  }

  /// The values of all fields of that name (any case), in order.
  package func values(_ name: StaticString) -> [String] {
    var values: [String] = []
    var next = firstIndex(name)
    while let index = next {
      values.append(text(fields[index].value))
      next = firstIndex(name, from: index + 1)
    }
    return values
  }

  /// Every field, in order.
  package var all: [(name: String, value: String)] {
    fields.map { (text($0.name), text($0.value)) }
  }

  /// Whether a field of that name has `token` in its comma-separated list (any case), as in
  /// `Connection: keep-alive, Upgrade`.
  package func contains(_ name: StaticString, token: String) -> Bool {
    var next = firstIndex(name)
    while let index = next {
      if lists(fields[index].value, token: token) { return true }
      next = firstIndex(name, from: index + 1)
    }
    return false
  }

  /// Where the next field of that name (any case) stands, from field `start` on.
  func firstIndex(_ name: StaticString, from start: Int = 0) -> Int? {
    for index in start..<fields.count where isEqual(fields[index].name, name: name) { return index }
    return nil
  }

  /// Whether the whole value of field `index` is `text` (any case).
  func isValue(at index: Int, text: StaticString) -> Bool { isEqual(fields[index].value, name: text) }

  /// The bytes that a Content-Length promises, the first of which is field `first`: digits only, and where it is given
  /// again, the same ones (RFC 9112 section 6.3).
  func contentLength(from first: Int) throws(HTTPWireError) -> Int {
    let digits = block[fields[first].value]
    var next = firstIndex("content-length", from: first + 1)
    while let index = next {
      guard block[fields[index].value] == digits else { throw HTTPWireError(.ambiguousLength) }
      next = firstIndex("content-length", from: index + 1)
    }
    guard (1...18).contains(digits.count), digits.allSatisfy(ASCII.isDigit) else {
      throw HTTPWireError(.ambiguousLength)
    }
    return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: block[range], as: UTF8.self) }

  /// Whether the comma-separated list in `range` has `token` (any case) as a member.
  private func lists(_ range: Range<Int>, token: String) -> Bool {
    var start = range.lowerBound
    while start <= range.upperBound {
      var end = start
      while end < range.upperBound, block[end] != UInt8(ascii: ",") { end += 1 }
      if isEqual(ASCII.trimmed(start..<end, of: block), text: token.utf8) { return true }
      start = end + 1
    }
    return false
  }

  private func isEqual(_ range: Range<Int>, name: StaticString) -> Bool {
    guard range.count == name.utf8CodeUnitCount else { return false }
    return name.withUTF8Buffer { isEqual(range, text: $0) }
  }

  private func isEqual(_ range: Range<Int>, text: some Collection<UInt8>) -> Bool {
    guard range.count == text.count else { return false }
    for (position, byte) in zip(range, text) where ASCII.lowercased(block[position]) != ASCII.lowercased(byte) {
      return false
    }
    return true
  }
}
