import JSON

/// The members of one JSON object by name, each value as the bytes it came in; of equal names the last counts.
struct JSONMembers {
  /// In the order they came.
  let names: [String]
  private let values: [String: ArraySlice<UInt8>]

  /// Nil if the text is not one JSON object.
  init?(_ text: some Sequence<UInt8>) {
    do { try self.init(checking: Array(text)) } catch { return nil }
  }

  init(checking text: [UInt8]) throws(JSONError) {
    var reader = JSONReader(text)
    var names: [String] = []
    var values: [String: ArraySlice<UInt8>] = [:]
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if values.updateValue(try reader.rawValue(), forKey: name) == nil { names.append(name) }
    }
    try reader.end()
    self.names = names
    self.values = values
  }

  subscript(_ name: String) -> ArraySlice<UInt8>? { values[name] }

  func string(_ name: String) -> String? {
    guard let value = values[name] else { return nil }
    var reader = JSONReader(value)
    return try? reader.string()
  }

  func integer(_ name: String) -> Int? {
    guard let value = values[name] else { return nil }
    var reader = JSONReader(value)
    return (try? reader.integer()).map { Int($0) }
  }

  /// The elements of an array, each as its bytes; nil if no array stands there.
  func elements(_ name: String) -> [ArraySlice<UInt8>]? {
    values[name].flatMap(Self.elements)
  }

  static func elements(of array: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
    var reader = JSONReader(array)
    do {
      var elements: [ArraySlice<UInt8>] = []
      try reader.beginArray()
      while try reader.nextElement() { elements.append(try reader.rawValue()) }
      return elements
    } catch {
      return nil
    }
  }
}
