import JSON
import Messaging

extension HTTPAnswer {
  /// What a function answered in one piece, as the front reads it.
  ///
  /// Of format 2.0 a document without `statusCode` is itself the body of a 200, as JSON. A REST API takes no such one.
  package init(decoding document: [UInt8], from front: HTTPFront) throws(HTTPAnswerError) {
    let parts = try HTTPAnswerParts(document, from: front)
    guard let status = parts.status else {
      guard front != .restAPI else { throw HTTPAnswerError("'statusCode' is missing") }
      self.init(200, headers: [("content-type", "application/json")], body: document)
      return
    }
    try self.init(parts, status: status)
    guard parts.isBase64 else {
      body = Array((parts.body ?? "").utf8)
      return
    }
    guard let decoded = Base64.decode((parts.body ?? "").utf8) else { throw HTTPAnswerError("body is not base64") }
    body = decoded
  }

  /// The JSON of a prelude, the eight NULs left out. A REST API takes the members of one and no other.
  package init(prelude: [UInt8], from front: HTTPFront) throws(HTTPAnswerError) {
    let parts = try HTTPAnswerParts(prelude, from: front, isPrelude: true)
    if front == .restAPI, let unknown = parts.unknownMember {
      throw HTTPAnswerError("a prelude has no member '\(unknown.prefix(32))'")
    }
    try self.init(parts, status: parts.status ?? 200)
  }

  private init(_ parts: HTTPAnswerParts, status: Int) throws(HTTPAnswerError) {
    guard 100...599 ~= status else { throw HTTPAnswerError("status \(status)") }
    let multiple = Set(parts.multiValueHeaders.map { $0.name.lowercased() })
    let all = parts.headers.filter { !multiple.contains($0.name.lowercased()) } + parts.multiValueHeaders
    let sendable = all.filter { Self.isSendable(name: $0.name, value: $0.value) }
    self.init(
      status, headers: sendable.filter { !HTTPFields.isSame($0.name, as: "set-cookie") },
      cookies: sendable.filter { HTTPFields.isSame($0.name, as: "set-cookie") }.map(\.value)
        + parts.cookies.filter { Self.isSendable(name: "set-cookie", value: $0) })
  }
}

/// The members of an answer or of a prelude.
private struct HTTPAnswerParts {
  var status: Int?
  var headers: [(name: String, value: String)] = []
  var multiValueHeaders: [(name: String, value: String)] = []
  var cookies: [String] = []
  var body: String?
  var isBase64 = false
  var unknownMember: String?

  init(_ document: [UInt8], from front: HTTPFront, isPrelude: Bool = false) throws(HTTPAnswerError) {
    do {
      var reader = JSONReader(document)
      guard try reader.peek() == .object || isPrelude || front == .restAPI else {
        // Any JSON text is an answer of format 2.0.
        try JSONReader.validate(document)
        return
      }
      try reader.beginObject()
      while let key = try reader.nextKey() {
        try read(key, reader: &reader, front: front, isPrelude: isPrelude)
      }
      try reader.end()
    } catch {
      throw HTTPAnswerError("\(error)")
    }
  }

  private mutating func read(
    _ key: String, reader: inout JSONReader, front: HTTPFront, isPrelude: Bool
  ) throws(JSONError) {
    switch key {
    case "statusCode": status = try reader.status()
    case "headers": headers = try reader.null() ? [] : reader.fields()
    case "multiValueHeaders" where front == .restAPI:
      multiValueHeaders = try reader.null() ? [] : reader.fields()
    case "cookies" where front != .restAPI || isPrelude: cookies = try reader.null() ? [] : reader.values()
    case "body" where !isPrelude: body = try reader.null() ? nil : reader.text()
    case "isBase64Encoded" where !isPrelude: isBase64 = try reader.null() ? false : reader.boolean()
    default:
      unknownMember = unknownMember ?? key
      try reader.skip()
    }
  }
}

extension JSONReader {
  /// A number; fronts take `"200"` too.
  fileprivate mutating func status() throws(JSONError) -> Int? {
    if try null() { return nil }
    return try peek() == .string ? Int(try string()) ?? 0 : Int(try integer())
  }

  /// A text, or what stands there as it is written.
  fileprivate mutating func text() throws(JSONError) -> String {
    try peek() == .string ? try string() : String(decoding: try rawValue(), as: UTF8.self)
  }

  /// One value, or an array of them.
  fileprivate mutating func values() throws(JSONError) -> [String] {
    guard try peek() == .array else { return [try text()] }
    var values: [String] = []
    try beginArray()
    while try nextElement() { values.append(try text()) }
    return values
  }

  /// `{"name":"value","another":["one","two"]}`.
  fileprivate mutating func fields() throws(JSONError) -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = []
    try beginObject()
    while let name = try nextKey() {
      if try null() { continue }
      for value in try values() { fields.append((name, value)) }
    }
    return fields
  }
}
