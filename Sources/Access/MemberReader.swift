import JSON

/// Reads the members of one JSON object and notices names that are there twice, of which two readers may believe two
/// different ones.
struct MemberReader {
  var reader: JSONReader
  private(set) var hasDuplicates = false
  private var names: Set<[UInt8]> = []
  private var isOpen = false

  init(_ bytes: [UInt8]) { reader = JSONReader(bytes, maximumDepth: CompactToken.maximumDepth) }

  /// The name of the next member, whose value `reader` has to pass; nil after the last one, when nothing may follow.
  mutating func next() throws(JSONError) -> String? {
    if !isOpen {
      try reader.beginObject()
      isOpen = true
    }
    guard let name = try reader.nextKey() else {
      try reader.end()
      return nil
    }
    if !names.insert(Array(name.utf8)).inserted { hasDuplicates = true }
    return name
  }
}

extension JSONReader {
  /// An array of strings.
  mutating func strings() throws(JSONError) -> [String] {
    var list: [String] = []
    try beginArray()
    while try nextElement() { list.append(try string()) }
    return list
  }
}
