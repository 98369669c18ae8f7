import JSON

/// Where a value stands; written out only when there is a fault to tell.
package indirect enum JSONPath {
  case root
  case member(String, of: JSONPath)
  case element(Int, of: JSONPath)

  package var text: String {
    switch self {
    case .root: ""
    case .member(let name, of: .root): name
    case .member(let name, let parent): "\(parent.text).\(name)"
    case .element(let index, let parent): "\(parent.text)[\(index)]"
    }
  }
}

extension JSONPath {
  /// The line in which a value begins, by the text of its path; of one that is not there the line of what lacks it, and of one
  /// that stands twice the last one's.
  static func line(of path: String, in bytes: [UInt8]) -> Int {
    var offset = 0
    var reader = JSONReader(bytes)
    // A reading that fails ends where it is: the text was read whole before.
    try? find(path, at: .root, from: &reader, offset: &offset)
    return 1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") }
  }

  private static func find(
    _ path: String, at place: JSONPath, from reader: inout JSONReader, offset: inout Int
  ) throws(JSONError) {
    let kind = try reader.peek()
    offset = reader.offset
    switch kind {
    case .object:
      try reader.beginObject()
      while let name = try reader.nextKey() {
        try enter(path, .member(name, of: place), from: &reader, offset: &offset)
      }
    case .array:
      var index = 0
      try reader.beginArray()
      while try reader.nextElement() {
        try enter(path, .element(index, of: place), from: &reader, offset: &offset)
        index += 1
      }
    default: try reader.skip()
    }
  }

  private static func enter(
    _ path: String, _ place: JSONPath, from reader: inout JSONReader, offset: inout Int
  ) throws(JSONError) {
    let text = place.text
    let isOnTheWay = path == text || path.hasPrefix(text + ".") || path.hasPrefix(text + "[")
    if isOnTheWay { try find(path, at: place, from: &reader, offset: &offset) } else { try reader.skip() }
  }
}
