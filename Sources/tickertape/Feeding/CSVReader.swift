import JSON

/// Reads comma-separated values (RFC 4180) as they come: quotes, doubled quotes, line breaks inside quotes, LF or CRLF.
///
/// The first record names the columns; every other one must have as many fields. Errors name the line.
struct CSVReader {
  /// More than this between two commas is a lost quote.
  static let maximumFieldBytes = 1 << 20

  private enum State {
    case fieldStart
    case plain
    case quoted
    /// After a quote inside a quoted field: it ends the field, or is the first of two.
    case quoteInQuoted
    /// After a carriage return, which only a line feed may follow.
    case carriageReturn
  }

  private let source: ByteSource
  private var buffer: [UInt8] = []
  private var offset = 0
  private var hasEnded = false
  private var state = State.fieldStart
  private var field: [UInt8] = []
  private var record: [[UInt8]] = []
  private var lineFeeds = 0

  private(set) var columns: [String] = []
  /// Where the record read last begins.
  private(set) var line = 1

  /// How much of the source is read, from 0 to 1; nil where its size is not known.
  var fraction: Double? {
    guard let size = source.size, size > 0 else { return nil }
    return Double(source.position - (buffer.count - offset)) / Double(size)
  }

  /// Reads the names of the columns.
  init(_ source: ByteSource) throws(CommandFailure) {
    self.source = source
    while ByteOrderMark.bytes.count > buffer.count, ByteOrderMark.bytes.starts(with: buffer) {
      let more = try source.read()
      if more.isEmpty { break }
      buffer += more
    }
    if ByteOrderMark.isAtStart(of: buffer) { offset = ByteOrderMark.bytes.count }
    guard let names = try nextRecord() else {
      throw CommandFailure(code: .failure, message: "\(source.name) is empty: its first line must name the columns")
    }
    columns = names.map { String(decoding: $0, as: UTF8.self) }
    if let twice = columns.first(where: { name in columns.filter { $0 == name }.count > 1 }) {
      throw failure("column '\(twice)' stands there twice")
    }
  }

  /// The next record's fields, as many as there are columns, in valid UTF-8; nil after the last. Blank lines are
  /// passed over.
  mutating func next() throws(CommandFailure) -> [[UInt8]]? {
    guard let fields = try nextRecord() else { return nil }
    guard fields.count == columns.count else {
      throw failure("\(fields.count) \(fields.count == 1 ? "field" : "fields") instead of \(columns.count)")
    }
    return fields
  }

  private mutating func nextRecord() throws(CommandFailure) -> [[UInt8]]? {
    while true {
      line = lineFeeds + 1
      record.removeAll(keepingCapacity: true)
      guard try readRecord() else { return nil }
      if record.count == 1, record[0].isEmpty { continue }
      guard record.allSatisfy(UTF8Sequence.isValid) else { throw failure("not valid UTF-8") }
      return record
    }
  }

  /// False at the end, where nothing was read.
  private mutating func readRecord() throws(CommandFailure) -> Bool {
    while let byte = try nextByte() {
      if byte == 0x0A { lineFeeds += 1 }
      if try consume(byte) { return true }
    }
    switch state {
    case .quoted: throw failure("a quoted field does not end")
    case .fieldStart where record.isEmpty: return false
    default:
      endField()
      return true
    }
  }

  private mutating func nextByte() throws(CommandFailure) -> UInt8? {
    if offset == buffer.count {
      guard !hasEnded else { return nil }
      buffer = try source.read()
      offset = 0
      hasEnded = buffer.isEmpty
      if hasEnded { return nil }
    }
    defer { offset += 1 }
    return buffer[offset]
  }

  /// True if the byte ended the record.
  private mutating func consume(_ byte: UInt8) throws(CommandFailure) -> Bool {
    switch (state, byte) {
    case (.quoted, UInt8(ascii: "\"")): state = .quoteInQuoted
    case (.quoted, _): try append(byte)
    case (.quoteInQuoted, UInt8(ascii: "\"")):
      try append(byte)
      state = .quoted
    case (.fieldStart, UInt8(ascii: "\"")): state = .quoted
    case (.carriageReturn, 0x0A), (.fieldStart, 0x0A), (.plain, 0x0A), (.quoteInQuoted, 0x0A):
      endField()
      return true
    case (.carriageReturn, _): throw failure("a carriage return without its line feed")
    case (_, 0x0D): state = .carriageReturn
    case (_, UInt8(ascii: ",")): endField()
    case (.quoteInQuoted, _): throw failure("something follows the closing quote of a field")
    case (_, UInt8(ascii: "\"")): throw failure("a quote inside a field that does not begin with one")
    default:
      try append(byte)
      state = .plain
    }
    return false
  }

  private mutating func append(_ byte: UInt8) throws(CommandFailure) {
    guard field.count < Self.maximumFieldBytes else {
      throw failure("a field is longer than \(Self.maximumFieldBytes) bytes; is a closing quote missing?")
    }
    field.append(byte)
  }

  private mutating func endField() {
    record.append(field)
    field.removeAll(keepingCapacity: true)
    state = .fieldStart
  }

  private func failure(_ reason: String) -> CommandFailure {
    CommandFailure(code: .failure, message: "\(source.name), line \(line): \(reason)")
  }
}
