import JSON

/// `tickertape.json`: the settings of `serve`, by the names they have on the command line.
///
///     {
///       "port": 8000,
///       "function": { "Chat": "build/Chat" },
///       "route": { "chat": "Chat" },
///       "allow-origin": ["http://localhost:3000"]
///     }
enum ServeConfiguration {
  static let defaultPath = "tickertape.json"

  /// One setting of the file, as the text it would be on the command line.
  struct Setting: Equatable {
    let key: ServeSettings.Key
    let text: String
  }

  /// The settings in the file's order; none if there is no file and none was asked for by name.
  static func load(path: String?) throws(CommandFailure) -> [Setting] {
    guard path != nil || System.exists(path: defaultPath) else { return [] }
    let name = path ?? defaultPath
    guard let bytes = try ByteSource.file(path: name).readAll(maximumBytes: 1 << 20) else {
      throw CommandFailure(code: .usage, message: "\(name) is larger than 1 MB")
    }
    return try settings(from: bytes, name: name)
  }

  static func settings(from bytes: [UInt8], name: String) throws(CommandFailure) -> [Setting] {
    let content: Content
    do {
      content = try read(bytes)
    } catch {
      throw CommandFailure(code: .usage, message: "\(name), line \(line(of: error.offset, in: bytes)): \(error)")
    }
    if let unknown = content.unknown { throw unknownKey(unknown, name: name) }
    if let (member, offset) = content.repeated {
      throw CommandFailure(
        code: .usage,
        message:
          "\(name), line \(line(of: offset, in: bytes)): '\(member)' stands there a second time; a key is given once")
    }
    return content.settings
  }

  private struct Content {
    var settings: [Setting] = []
    /// The first key that is none.
    var unknown: String?
    /// The first key that was there before, and where it is again.
    var repeated: (member: String, offset: Int)?
    private var seen: Set<String> = []

    mutating func see(_ member: String, offset: Int) {
      if !seen.insert(member).inserted, repeated == nil { repeated = (member, offset) }
    }
  }

  private static func read(_ bytes: [UInt8]) throws(JSONError) -> Content {
    var reader = JSONReader(bytes)
    var content = Content()
    try reader.beginObject()
    while let member = try reader.nextKey() {
      content.see(member, offset: reader.offset)
      if let key = ServeSettings.Key(rawValue: member) {
        try read(key, from: &reader, into: &content)
      } else {
        content.unknown = content.unknown ?? member
        try reader.skip()
      }
    }
    try reader.end()
    return content
  }

  /// An object is `NAME=VALUE` for each member, an array each of its elements, anything else itself.
  private static func read(
    _ key: ServeSettings.Key, from reader: inout JSONReader, into content: inout Content
  ) throws(JSONError) {
    switch try reader.peek() {
    case .object:
      try reader.beginObject()
      while let name = try reader.nextKey() {
        content.see("\(key.rawValue) \(name)", offset: reader.offset)
        content.settings.append(Setting(key: key, text: "\(name)=\(try scalar(from: &reader))"))
      }
    case .array:
      try reader.beginArray()
      while try reader.nextElement() { content.settings.append(Setting(key: key, text: try scalar(from: &reader))) }
    default: content.settings.append(Setting(key: key, text: try scalar(from: &reader)))
    }
  }

  private static func scalar(from reader: inout JSONReader) throws(JSONError) -> String {
    if try reader.peek() == .number { return String(decoding: try reader.number(), as: UTF8.self) }
    return try reader.string()
  }

  private static func unknownKey(_ member: String, name: String) -> CommandFailure {
    let names = ServeSettings.Key.allCases.map(\.rawValue)
    return CommandFailure(
      code: .usage, message: "\(name): unknown key '\(member)'\(Suggestion.phrase(for: member, among: names))",
      advice: ["the keys are \(names.joined(separator: ", "))"])
  }

  private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
    bytes.prefix(offset).count { $0 == 0x0A } + 1
  }
}
