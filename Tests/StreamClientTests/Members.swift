import JSON
import Testing

/// The members of one object of a vector.
struct Members: Sendable {
  let names: [String]
  private let values: [String: ArraySlice<UInt8>]

  init(_ text: ArraySlice<UInt8>) throws {
    var names: [String] = []
    var values: [String: ArraySlice<UInt8>] = [:]
    var reader = JSONReader(text)
    try reader.beginObject()
    while let name = try reader.nextKey() {
      names.append(name)
      values[name] = try reader.rawValue()
    }
    try reader.end()
    self.names = names
    self.values = values
  }

  subscript(_ name: String) -> ArraySlice<UInt8>? { values[name] }

  func string(_ name: String) throws -> String {
    var reader = JSONReader(try #require(values[name], "'\(name)' is missing"))
    return try reader.string()
  }

  func number(_ name: String) throws -> Int64? {
    guard let value = values[name] else { return nil }
    var reader = JSONReader(value)
    return try reader.integer()
  }

  func strings(_ name: String) throws -> [String] {
    guard let value = values[name] else { return [] }
    return try elements(value).map { element in
      var reader = JSONReader(element)
      return try reader.string()
    }
  }

  func requireOnly(_ known: [String]) throws {
    try #require(names.allSatisfy { known.contains($0) }, "unknown members among \(names)")
  }
}

func elements(_ array: ArraySlice<UInt8>) throws -> [ArraySlice<UInt8>] {
  var reader = JSONReader(array)
  var elements: [ArraySlice<UInt8>] = []
  try reader.beginArray()
  while try reader.nextElement() { elements.append(try reader.rawValue()) }
  try reader.end()
  return elements
}

/// The same text for the same value: no white space, members in the order of their names, numbers as they are written.
func canonical(_ value: some Sequence<UInt8>) throws -> String {
  var reader = JSONReader(Array(value))
  switch try reader.peek() {
  case .object:
    let members = try Members(Array(value)[...])
    let parts = try members.names.sorted().map { name in
      "\(quoted(name)):\(try canonical(try #require(members[name])))"
    }
    return "{\(parts.joined(separator: ","))}"
  case .array: return "[\(try elements(Array(value)[...]).map { try canonical($0) }.joined(separator: ","))]"
  case .string: return quoted(try reader.string())
  default: return String(decoding: try reader.rawValue(), as: UTF8.self)
  }
}

/// ASCII, so that Swift's `==` compares the bytes.
private func quoted(_ text: String) -> String {
  "\"\(text.unicodeScalars.map { $0.escaped(asASCII: true) }.joined())\""
}
