import JSON

/// How a record of a CSV file becomes an event: which column is the key, and which columns stand in `data`, by what
/// name.
///
/// A field that is a JSON number travels as it is written: `67.6` stays `67.6`, and `2.50` keeps its nought. Anything
/// else is a string; an empty field is null.
struct EventShape: Equatable {
  struct Member: Equatable {
    let name: String
    let column: Int
  }

  let type: String
  let keyColumn: Int?
  let members: [Member]
  /// How often the records have been gone through with this time, if that is to stand in `data`.
  let pass: Int?

  /// `fields` are `NAME` or `NAME=COLUMN`; without any, all columns stand in `data`: the key first, `close` as `price`
  /// where there is no price of its own, `date` last.
  /// Neither do records that begin again look like ones that go on: `pass` stands in `data` too, unless there is a
  /// member of that name.
  init(
    type: String, key: String?, fields: [String], columns: [String], pass: Int? = nil
  ) throws(CommandFailure) {
    self.type = type
    keyColumn = if let key { try Self.index(of: key, in: columns) } else { nil }
    if fields.isEmpty {
      members = Self.defaultMembers(key: key, columns: columns)
    } else {
      var chosen: [Member] = []
      for field in fields { chosen.append(try Self.member(field, in: columns)) }
      members = chosen
    }
    self.pass = members.contains { $0.name == "pass" } ? nil : pass
  }

  /// `{"type":"price:update","key":"AAPL","data":{"symbol":"AAPL","price":172.26,…}}`
  func event(from record: [[UInt8]]) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", type)
      if let keyColumn { writer.member("key", String(decoding: record[keyColumn], as: UTF8.self)) }
      writer.key("data")
      writer.object { writer in
        for member in members { Self.write(record[member.column], named: member.name, to: &writer) }
        if let pass { writer.member("pass", pass) }
      }
    }
    return writer.bytes
  }

  private static func write(_ field: [UInt8], named name: String, to writer: inout JSONWriter) {
    writer.key(name)
    if field.isEmpty {
      writer.null()
    } else if isNumber(field) {
      writer.raw(field)
    } else {
      writer.string(String(decoding: field, as: UTF8.self))
    }
  }

  private static func isNumber(_ field: [UInt8]) -> Bool {
    // White space around a number would pass the reader; the field is then a text.
    guard field[0] != 0x20, field[0] != 0x09, field[field.count - 1] > 0x20 else { return false }
    var reader = JSONReader(field)
    do {
      _ = try reader.number()
      try reader.end()
      return true
    } catch {
      return false
    }
  }

  private static func defaultMembers(key: String?, columns: [String]) -> [Member] {
    let hasPrice = columns.contains("price")
    let members = columns.enumerated().map { index, column in
      Member(name: column == "close" && !hasPrice ? "price" : column, column: index)
    }
    return members.enumerated().sorted { left, right in
      (rank(left.element, key: key, columns: columns), left.offset) < (
        rank(right.element, key: key, columns: columns), right.offset
      )
    }.map(\.element)
  }

  private static func rank(_ member: Member, key: String?, columns: [String]) -> Int {
    if columns[member.column] == key { return 0 }
    if member.name == "price" { return 1 }
    return member.name == "date" ? 3 : 2
  }

  private static func member(_ field: String, in columns: [String]) throws(CommandFailure) -> Member {
    let parts = field.split(separator: "=", maxSplits: 1).map(String.init)
    guard let name = parts.first, let column = parts.last else {
      throw CommandFailure(code: .usage, message: "--field takes NAME or NAME=COLUMN, not '\(field)'")
    }
    return Member(name: name, column: try index(of: column, in: columns))
  }

  private static func index(of column: String, in columns: [String]) throws(CommandFailure) -> Int {
    if let index = columns.firstIndex(of: column) { return index }
    throw CommandFailure(
      code: .usage, message: "there is no column '\(column)'\(Suggestion.phrase(for: column, among: columns))",
      advice: ["the columns are \(columns.joined(separator: ", "))"])
  }
}
