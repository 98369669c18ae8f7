import JSON

/// A whole JSON text as a value: numbers as they are written, members in their order. The tests compare such trees; the
/// shipped `JSONValue` leaves numbers as they are written.
indirect enum JSONTree: Equatable {
  case object([Member])
  case array([JSONTree])
  case string(String)
  case number([UInt8])
  case boolean(Bool)
  case null

  struct Member: Equatable {
    let key: String
    let value: JSONTree
  }

  /// Reads one text through the calls that users make, decoding every string and key.
  init(_ text: [UInt8]) throws(JSONError) {
    var reader = JSONReader(text)
    self = try Self(&reader)
    try reader.end()
  }

  private init(_ reader: inout JSONReader) throws(JSONError) {
    switch try reader.peek() {
    case .object: self = try Self.object(&reader)
    case .array: self = try Self.array(&reader)
    case .string: self = .string(try reader.string())
    case .number: self = .number(Array(try reader.number()))
    case .boolean: self = .boolean(try reader.boolean())
    case .null:
      _ = try reader.null()
      self = .null
    }
  }

  private static func object(_ reader: inout JSONReader) throws(JSONError) -> JSONTree {
    var members: [Member] = []
    try reader.beginObject()
    while let key = try reader.nextKey() { members.append(Member(key: key, value: try Self(&reader))) }
    return .object(members)
  }

  private static func array(_ reader: inout JSONReader) throws(JSONError) -> JSONTree {
    var elements: [JSONTree] = []
    try reader.beginArray()
    while try reader.nextElement() { elements.append(try Self(&reader)) }
    return .array(elements)
  }

  var text: [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.bytes
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .object(let members):
      writer.object { writer in
        for member in members {
          writer.key(member.key)
          member.value.write(to: &writer)
        }
      }
    case .array(let elements):
      writer.array { writer in for element in elements { element.write(to: &writer) } }
    case .string(let text): writer.string(text)
    case .number(let digits): writer.raw(digits)
    case .boolean(let value): writer.boolean(value)
    case .null: writer.null()
    }
  }
}
