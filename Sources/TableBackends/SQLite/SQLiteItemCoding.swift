import ConnectionStore

/// How an item's attributes stand in their BLOB: for each, its kind (1 byte), its name and its value, texts and byte
/// arrays led by their length. Lengths and numbers are LEB128, numbers with the sign in the lowest bit (zigzag).
enum ItemCoding {
  private static let string: UInt8 = 1
  private static let number: UInt8 = 2
  private static let bytes: UInt8 = 3

  static func encode(_ attributes: [String: Value]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(attributes.reduce(0) { $0 + $1.key.utf8.count + 13 + room(for: $1.value) })
    for (name, value) in attributes {
      switch value {
      case .string(let text):
        append(string, name: name, to: &output)
        append(UInt64(text.utf8.count), to: &output)
        output.append(contentsOf: text.utf8)
      case .number(let integer):
        append(number, name: name, to: &output)
        append(UInt64(bitPattern: (integer << 1) ^ (integer >> 63)), to: &output)
      case .bytes(let array):
        append(bytes, name: name, to: &output)
        append(UInt64(array.count), to: &output)
        output.append(contentsOf: array)
      }
    }
    return output
  }

  static func decode(_ input: [UInt8]) throws(SQLiteError) -> [String: Value] {
    var reader = Reader(input: input)
    // Most items have three to six attributes: what grows one by one is hashed anew each time.
    var attributes = [String: Value](minimumCapacity: 6)
    while let kind = reader.next() {
      let name = try reader.text()
      switch kind {
      case string: attributes[name] = .string(try reader.text())
      case number:
        let zigzag = try reader.number()
        attributes[name] = .number(Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1))
      case bytes: attributes[name] = .bytes(Array(try reader.block()))
      default: throw .corrupt("an attribute of the unknown kind \(kind)")
      }
    }
    return attributes
  }

  private static func room(for value: Value) -> Int {
    switch value {
    case .string(let text): text.utf8.count
    case .number: 0
    case .bytes(let array): array.count
    }
  }

  private static func append(_ kind: UInt8, name: String, to output: inout [UInt8]) {
    output.append(kind)
    append(UInt64(name.utf8.count), to: &output)
    output.append(contentsOf: name.utf8)
  }

  private static func append(_ number: UInt64, to output: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
      output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.append(UInt8(rest))
  }

  private struct Reader {
    let input: [UInt8]
    var offset = 0

    mutating func next() -> UInt8? {
      guard offset < input.count else { return nil }
      defer { offset += 1 }
      return input[offset]
    }

    mutating func number() throws(SQLiteError) -> UInt64 {
      var number: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = next() else { break }
        number |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return number }
      }
      throw .corrupt("an attribute is cut short")
    }

    mutating func block() throws(SQLiteError) -> ArraySlice<UInt8> {
      let count = try number()
      guard count <= UInt64(input.count - offset) else { throw .corrupt("an attribute is cut short") }
      defer { offset += Int(count) }
      return input[offset..<offset + Int(count)]
    }

    mutating func text() throws(SQLiteError) -> String {
      guard let text = String(validating: try block(), as: UTF8.self) else {
        throw .corrupt("an attribute is not UTF-8")
      }
      return text
    }
  }
}
