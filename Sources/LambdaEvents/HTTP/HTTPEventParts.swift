import JSON
import Messaging

/// The members of an event of either format, found in one pass; what nobody may ask for is passed over unread.
struct HTTPEventParts {
  var version: String?
  var httpMethod: String?
  var path: String?
  var rawPath: String?
  var rawQuery: String?
  var cookies: [String]?
  var headers: [(name: String, value: String)] = []
  var multiValueHeaders: [(name: String, value: String)] = []
  var query: [(name: String, value: String)] = []
  var multiValueQuery: [(name: String, value: String)] = []
  var text: String?
  var isBase64 = false
  var context: HTTPContextParts?

  init(_ bytes: [UInt8]) throws(HTTPEventError) {
    do {
      var reader = JSONReader(bytes)
      try reader.beginObject()
      while let key = try reader.nextKey() { try read(key, reader: &reader) }
      try reader.end()
    } catch let error as HTTPEventError {
      throw error
    } catch {
      throw .malformed("\(error)")
    }
  }

  /// Of a member that stands twice the last counts, as for most who read JSON.
  private mutating func read(_ key: String, reader: inout JSONReader) throws {
    if try reader.null() { return }
    switch key {
    case "version": version = try reader.string()
    case "httpMethod": httpMethod = try reader.string()
    case "path": path = try reader.string()
    case "rawPath": rawPath = try reader.string()
    case "rawQueryString": rawQuery = try reader.string()
    case "cookies": cookies = try reader.strings()
    case "headers": headers = try reader.singleValues()
    case "multiValueHeaders": multiValueHeaders = try reader.multipleValues()
    case "queryStringParameters": query = try reader.singleValues()
    case "multiValueQueryStringParameters": multiValueQuery = try reader.multipleValues()
    case "body": text = try reader.string()
    case "isBase64Encoded": isBase64 = try reader.boolean()
    case "requestContext": context = try HTTPContextParts(&reader)
    default: try reader.skip()
    }
  }

  /// Nil if it is said to be base64 and is not.
  var body: [UInt8]? {
    guard isBase64 else { return Array((text ?? "").utf8) }
    return Base64.decode((text ?? "").utf8)
  }
}

/// The members of `requestContext` of either format.
struct HTTPContextParts {
  var requestID = ""
  var stage: String?
  var domainName = ""
  var apiID = ""
  var path: String?
  var method: String?
  var sourceAddress = ""
  var userAgent: String?
  var httpVersion = "HTTP/1.1"
  var requestTime = ""
  var requestTimeMilliseconds: Int64 = 0
  var authorizer: [UInt8]?

  init(_ reader: inout JSONReader) throws {
    try reader.beginObject()
    while let key = try reader.nextKey() { try read(key, reader: &reader) }
  }

  private mutating func read(_ key: String, reader: inout JSONReader) throws {
    if try reader.null() { return }
    switch key {
    case "requestId": requestID = try reader.string()
    case "stage": stage = try reader.string()
    case "domainName": domainName = try reader.string()
    case "apiId": apiID = try reader.string()
    case "path": path = try reader.string()
    case "protocol": httpVersion = try reader.string()
    case "time", "requestTime": requestTime = try reader.string()
    case "timeEpoch", "requestTimeEpoch": requestTimeMilliseconds = try reader.integer()
    case "authorizer": authorizer = Array(try reader.rawValue())
    case "http", "identity": try readClient(&reader)
    default: try reader.skip()
    }
  }

  /// `http` of format 2.0, `identity` of format 1.0.
  private mutating func readClient(_ reader: inout JSONReader) throws {
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if try reader.null() { continue }
      switch key {
      case "method": method = try reader.string()
      case "protocol": httpVersion = try reader.string()
      case "sourceIp": sourceAddress = try reader.string()
      case "userAgent": userAgent = try reader.string()
      default: try reader.skip()
      }
    }
  }
}

extension JSONReader {
  /// `["a","b"]`.
  fileprivate mutating func strings() throws(JSONError) -> [String] {
    var strings: [String] = []
    try beginArray()
    while try nextElement() { strings.append(try string()) }
    return strings
  }

  /// `{"name":"value"}`, in its order; a null is passed over.
  fileprivate mutating func singleValues() throws(JSONError) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    try beginObject()
    while let name = try nextKey() {
      if try null() { continue }
      pairs.append((name, try string()))
    }
    return pairs
  }

  /// `{"name":["value","another"]}`, in its order; a null is passed over.
  fileprivate mutating func multipleValues() throws(JSONError) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    try beginObject()
    while let name = try nextKey() {
      if try null() { continue }
      for value in try strings() { pairs.append((name, value)) }
    }
    return pairs
  }
}
