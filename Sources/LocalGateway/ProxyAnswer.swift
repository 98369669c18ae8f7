import HTTPWire
import JSON

/// What a function returns to API Gateway's proxy integration.
struct ProxyAnswer: Equatable {
  private(set) var statusCode = 0
  /// Of `Sec-WebSocket-Protocol`, if given.
  private(set) var subprotocol: String?
  private(set) var contentType: String?
  private(set) var body: String?

  /// Nil if `document` is not such an answer: not an object, no status code, one outside 200 to 599.
  init?(_ document: [UInt8]) {
    do {
      var reader = JSONReader(document)
      try reader.beginObject()
      while let key = try reader.nextKey() {
        switch key {
        case "statusCode": statusCode = try Self.status(&reader) ?? 0
        case "body": body = try Self.text(&reader)
        case "headers": try readHeaders(&reader)
        default: try reader.skip()
        }
      }
      try reader.end()
      guard 200...599 ~= statusCode else { return nil }
    } catch {
      return nil
    }
  }

  var isSuccess: Bool { statusCode < 300 }

  private static func status(_ reader: inout JSONReader) throws(JSONError) -> Int? {
    // API Gateway takes "200" too.
    try reader.peek() == .string ? Int(try reader.string()) : Int(try reader.integer())
  }

  private static func text(_ reader: inout JSONReader) throws(JSONError) -> String? {
    if try reader.peek() == .string { return try reader.string() }
    return try reader.null() ? nil : String(decoding: try reader.rawValue(), as: UTF8.self)
  }

  private mutating func readHeaders(_ reader: inout JSONReader) throws(JSONError) {
    if try reader.null() { return }
    try reader.beginObject()
    while let name = try reader.nextKey() {
      guard let value = try Self.text(&reader), HTTPWriter.isSafe(headerValue: value) else { continue }
      switch name.lowercased() {
      case "sec-websocket-protocol": subprotocol = value
      case "content-type": contentType = value
      default: break
      }
    }
  }
}
