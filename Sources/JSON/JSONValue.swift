/// A whole JSON text as a value, for small files that are read once.
package indirect enum JSONValue: Equatable, Sendable {
  case object([Member])
  case array([JSONValue])
  case string(String)
  /// A number, `true`, `false` or `null`, as it is written.
  case plain([UInt8])

  package struct Member: Equatable, Sendable {
    package let name: String
    package let value: JSONValue
  }

  package init(_ bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes, maximumDepth: 16)
    self = try Self.value(from: &reader)
    try reader.end()
  }

  private static func value(from reader: inout JSONReader) throws(JSONError) -> JSONValue {
    switch try reader.peek() {
    case .object:
      var members: [Member] = []
      try reader.beginObject()
      while let name = try reader.nextKey() { members.append(Member(name: name, value: try value(from: &reader))) }
      return .object(members)
    case .array:
      var elements: [JSONValue] = []
      try reader.beginArray()
      while try reader.nextElement() { elements.append(try value(from: &reader)) }
      return .array(elements)
    case .string: return .string(try reader.string())
    case .number, .boolean, .null: return .plain(Array(try reader.rawValue()))
    }
  }
}
