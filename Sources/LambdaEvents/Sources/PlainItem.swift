import JSON
import Messaging

/// Attributes with their kinds (`{"S":"a"}`) as plain JSON (`"a"`).
struct PlainItem {
  private(set) var json: [UInt8] = []
  /// The attribute `event`, if that is a string.
  private(set) var event: String?
  private var scalars: [(name: String, text: String)] = []

  /// Its strings, numbers and binaries, by the order of their names: an item is the same in whatever order its
  /// attributes are written.
  var key: [String] { scalars.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }.map(\.text) }

  /// - Throws: if the reader does not stand before an object of attributes.
  init(_ reader: inout JSONReader) throws(JSONError) {
    var writer = JSONWriter(reservingBytes: 256)
    try reader.beginObject()
    try writer.object { (writer) throws(JSONError) in
      while let name = try reader.nextKey() {
        writer.key(name)
        guard let scalar = try Self.value(from: &reader, writer: &writer) else { continue }
        scalars.append((name, scalar.text))
        if name == "event", scalar.isString { event = scalar.text }
      }
    }
    json = writer.bytes
  }

  private typealias Scalar = (text: String, isString: Bool)

  /// Writes one attribute's value; answers a string, a number or a binary as text.
  private static func value(
    from reader: inout JSONReader, writer: inout JSONWriter
  ) throws(JSONError) -> Scalar? {
    var scalar: Scalar?
    var isWritten = false
    try reader.beginObject()
    while let kind = try reader.nextKey() {
      // An attribute has one kind; a second would be a second value for one name.
      guard !isWritten else {
        try reader.skip()
        continue
      }
      scalar = try value(of: kind, reader: &reader, writer: &writer)
      isWritten = true
    }
    if !isWritten { writer.null() }
    return scalar
  }

  private static func value(
    of kind: String, reader: inout JSONReader, writer: inout JSONWriter
  ) throws(JSONError) -> Scalar? {
    switch kind {
    case "S":
      let raw = try reader.rawValue()
      writer.raw(raw)
      var reader = JSONReader(raw)
      return ((try? reader.string()) ?? String(decoding: raw, as: UTF8.self), true)
    case "N":
      let text = try reader.string()
      append(number: text, to: &writer)
      return (text, false)
    case "B":
      let text = try reader.string()
      writer.string(text)
      return (Base64.decode(text.utf8).map(Base64URL.encode) ?? text, false)
    case "BOOL": writer.boolean(try reader.boolean())
    case "M": try map(from: &reader, writer: &writer)
    case "L":
      try list(from: &reader, writer: &writer) { (reader, writer) throws(JSONError) in
        _ = try value(from: &reader, writer: &writer)
      }
    case "NS":
      try list(from: &reader, writer: &writer) { (reader, writer) throws(JSONError) in
        append(number: try reader.string(), to: &writer)
      }
    case "SS", "BS":
      try list(from: &reader, writer: &writer) { (reader, writer) throws(JSONError) in
        writer.string(try reader.string())
      }
    default:
      try reader.skip()
      writer.null()
    }
    return nil
  }

  /// The digits as they are, all 38 of them.
  private static func append(number text: String, to writer: inout JSONWriter) {
    var reader = JSONReader(Array(text.utf8))
    guard (try? reader.peek()) == .number, (try? JSONReader.validate(Array(text.utf8))) != nil else {
      return writer.string(text)
    }
    writer.raw(text.utf8)
  }

  private static func map(from reader: inout JSONReader, writer: inout JSONWriter) throws(JSONError) {
    try reader.beginObject()
    try writer.object { (writer) throws(JSONError) in
      while let name = try reader.nextKey() {
        writer.key(name)
        _ = try value(from: &reader, writer: &writer)
      }
    }
  }

  private static func list(
    from reader: inout JSONReader, writer: inout JSONWriter,
    _ element: (inout JSONReader, inout JSONWriter) throws(JSONError) -> Void
  ) throws(JSONError) {
    try reader.beginArray()
    try writer.array { (writer) throws(JSONError) in
      while try reader.nextElement() { try element(&reader, &writer) }
    }
  }
}
