import HTTPWire
import JSON
import LambdaEvents
import Messaging

/// What a function returns to API Gateway's proxy integration.
struct ProxyAnswer: Equatable {
  private(set) var statusCode = 0
  /// Of `Sec-WebSocket-Protocol`, if given.
  private(set) var subprotocol: String?
  private(set) var contentType: String?
  /// Of a refusal: when the client may come again.
  private(set) var retryAfter: String?
  /// Decoded if it came in base64.
  private(set) var body: [UInt8]?

  /// Nil if `document` is not such an answer: not an object, no status code, one outside 200 to 599, a body that is
  /// said to be base64 and is not.
  init?(_ document: [UInt8]) {
    var isBase64 = false
    // They win over `headers`, wherever they stand.
    var multiple = Fields()
    var single = Fields()
    do {
      var reader = JSONReader(document)
      try reader.beginObject()
      while let key = try reader.nextKey() {
        switch key {
        case "statusCode": statusCode = try Self.status(from: &reader) ?? 0
        case "body": body = try Self.text(from: &reader).map { Array($0.utf8) }
        case "isBase64Encoded": isBase64 = try reader.null() ? false : reader.boolean()
        case "headers": try single.read(from: &reader)
        case "multiValueHeaders": try multiple.read(from: &reader)
        default: try reader.skip()
        }
      }
      try reader.end()
    } catch {
      return nil
    }
    guard 200...599 ~= statusCode else { return nil }
    if isBase64, let encoded = body {
      guard let decoded = Base64.decode(encoded) else { return nil }
      body = decoded
    }
    subprotocol = multiple.subprotocol ?? single.subprotocol
    contentType = multiple.contentType ?? single.contentType
    retryAfter = multiple.retryAfter ?? single.retryAfter
  }

  var isSuccess: Bool { statusCode < 300 }

  private static func status(from reader: inout JSONReader) throws(JSONError) -> Int? {
    // API Gateway takes "200" too.
    try reader.peek() == .string ? Int(try reader.string()) : Int(try reader.integer())
  }

  private static func text(from reader: inout JSONReader) throws(JSONError) -> String? {
    if try reader.peek() == .string { return try reader.string() }
    return try reader.null() ? nil : String(decoding: try reader.rawValue(), as: UTF8.self)
  }

  /// The header fields that go further.
  private struct Fields {
    var subprotocol: String?
    var contentType: String?
    var retryAfter: String?

    mutating func read(from reader: inout JSONReader) throws(JSONError) {
      if try reader.null() { return }
      try reader.beginObject()
      while let name = try reader.nextKey() {
        guard let value = try Self.value(from: &reader), HTTPWriter.isSafe(headerValue: value) else { continue }
        switch name.lowercased() {
        case "sec-websocket-protocol": subprotocol = value
        case "content-type": contentType = value
        case "retry-after": retryAfter = value
        default: break
        }
      }
    }

    /// A value, or the first of several: none of these fields may come twice.
    private static func value(from reader: inout JSONReader) throws(JSONError) -> String? {
      guard try reader.peek() == .array else { return try ProxyAnswer.text(from: &reader) }
      var first: String?
      try reader.beginArray()
      while try reader.nextElement() {
        let value = try ProxyAnswer.text(from: &reader)
        first = first ?? value
      }
      return first
    }
  }
}
