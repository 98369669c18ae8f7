import JSON
import Messaging

/// The data of an event while it is published: its key is read, and what never leaves is taken out. All of it happens
/// before the event is written, so that no path that reads the log can show it.
enum EventData {
  /// What stands in the place of a value that is held back.
  static let redaction = "[redacted]"

  /// The text of the string, or of the number, at a path; nil: there is none, it is something else, or no key.
  static func key(of data: [UInt8], at path: DataPath) -> String? {
    var reader = JSONReader(data)
    return (try? key(from: &reader, names: path.names[...])) ?? nil
  }

  private static func key(from reader: inout JSONReader, names: ArraySlice<String>) throws(JSONError) -> String? {
    guard let name = names.first else { return try key(from: &reader) }
    guard try reader.peek() == .object else {
      try reader.skip()
      return nil
    }
    var found: String?
    try reader.beginObject()
    while let member = try reader.nextKey() {
      // Of two members of one name the last one counts, as every parser has it that its clients use.
      if member == name { found = try key(from: &reader, names: names.dropFirst()) } else { try reader.skip() }
    }
    return found
  }

  private static func key(from reader: inout JSONReader) throws(JSONError) -> String? {
    let text: String
    switch try reader.peek() {
    case .string: text = try reader.string()
    case .number: text = String(decoding: try reader.number(), as: UTF8.self)
    default:
      try reader.skip()
      return nil
    }
    return Name.isKey(text) ? text : nil
  }

  /// The data without some members, and with others redacted. Every other value stands as the bytes it came in.
  static func withholding(_ omitted: [DataPath], redacting redacted: [DataPath], from data: [UInt8]) -> [UInt8] {
    guard !omitted.isEmpty || !redacted.isEmpty else { return data }
    let held =
      omitted.map { Held(names: $0.names[...], isOmitted: true) }
      + redacted.map { Held(names: $0.names[...], isOmitted: false) }
    var reader = JSONReader(data)
    var writer = JSONWriter(reservingBytes: data.count)
    // The data was read whole when it was taken, so nothing of it is unreadable now; if it were, nothing leaves.
    guard (try? copy(&reader, to: &writer, holdingBack: held)) != nil else { return Array("null".utf8) }
    return writer.bytes
  }

  /// What is held back of a value: a member that is named, or a part of it.
  private struct Held {
    let names: ArraySlice<String>
    let isOmitted: Bool

    var isMember: Bool { names.count == 1 }
    var inside: Held { Held(names: names.dropFirst(), isOmitted: isOmitted) }
  }

  private static func copy(
    _ reader: inout JSONReader, to writer: inout JSONWriter, holdingBack held: [Held]
  ) throws(JSONError) {
    guard !held.isEmpty else { return writer.raw(try reader.rawValue()) }
    switch try reader.peek() {
    case .object:
      try reader.beginObject()
      try writer.object { (writer) throws(JSONError) in
        while let name = try reader.nextKey() { try copy(name, &reader, to: &writer, holdingBack: held) }
      }
    case .array:
      try reader.beginArray()
      try writer.array { (writer) throws(JSONError) in
        while try reader.nextElement() { try copy(&reader, to: &writer, holdingBack: held) }
      }
    default: writer.raw(try reader.rawValue())
    }
  }

  private static func copy(
    _ name: String, _ reader: inout JSONReader, to writer: inout JSONWriter, holdingBack held: [Held]
  ) throws(JSONError) {
    let named = held.filter { $0.names.first == name }
    if named.contains(where: { $0.isMember && $0.isOmitted }) { return try reader.skip() }
    if named.contains(where: \.isMember) {
      try reader.skip()
      return writer.member(name, redaction)
    }
    writer.key(name)
    try copy(&reader, to: &writer, holdingBack: named.map(\.inside))
  }
}
