import JSON

/// The top-level members of an event, found in one pass; what nobody may ask for is passed over unread.
struct EventParts {
  var context: RequestContext?
  var headers = GatewayHeaders()
  var query = QueryParameters()
  var multiValueHeaders: ArraySlice<UInt8>?
  var multiValueQuery: ArraySlice<UInt8>?
  var stageVariables: ArraySlice<UInt8>?
  var body: String?
  var isBase64Encoded = false

  init(_ bytes: [UInt8]) throws(GatewayEventError) {
    do {
      var reader = JSONReader(bytes)
      try reader.beginObject()
      while let key = try reader.nextKey() { try read(key, reader: &reader, of: bytes) }
      try reader.end()
    } catch let error as GatewayEventError {
      throw error
    } catch let error as JSONError {
      throw .notJSON(error)
    } catch {
      throw .malformed("\(error)")
    }
  }

  private mutating func read(_ key: String, reader: inout JSONReader, of bytes: [UInt8]) throws {
    switch key {
    case "requestContext": context = try RequestContext(&reader)
    case "headers": headers = try reader.null() ? GatewayHeaders() : GatewayHeaders(json: reader.rawValue(), of: bytes)
    case "queryStringParameters": query = try reader.null() ? QueryParameters() : QueryParameters(&reader)
    case "multiValueHeaders": multiValueHeaders = try raw(from: &reader)
    case "multiValueQueryStringParameters": multiValueQuery = try raw(from: &reader)
    case "stageVariables": stageVariables = try raw(from: &reader)
    case "body": body = try reader.null() ? nil : reader.string()
    case "isBase64Encoded": isBase64Encoded = try reader.boolean()
    default: try reader.skip()
    }
  }

  private func raw(from reader: inout JSONReader) throws(JSONError) -> ArraySlice<UInt8>? {
    try reader.null() ? nil : reader.rawValue()
  }
}
