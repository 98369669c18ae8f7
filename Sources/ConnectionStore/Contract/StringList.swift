import JSON

/// A list of strings as one attribute: a JSON array as bytes.
package enum StringList {
  package static func encode(_ list: [String]) -> [UInt8] {
    var writer = JSONWriter()
    writer.array { writer in
      for text in list { writer.string(text) }
    }
    return writer.bytes
  }

  /// Nil if the bytes are not what `encode` writes.
  package static func decode(_ bytes: [UInt8]) -> [String]? {
    var reader = JSONReader(bytes)
    var list: [String] = []
    do {
      try reader.beginArray()
      while try reader.nextElement() { list.append(try reader.string()) }
      try reader.end()
      return list
    } catch {
      return nil
    }
  }
}
