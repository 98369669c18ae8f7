import LambdaRuntime

/// Answers a WebSocket route with the id of the connection that the message came over.
struct WhoAmI: LambdaHandler {
  struct NoConnection: Error {}

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    let text = String(decoding: event, as: UTF8.self)
    guard let key = text.firstRange(of: #""connectionId":""#) else { throw NoConnection() }
    let connectionID = text[key.upperBound...].prefix { $0 != "\"" }
    return Array(#"{"statusCode":200,"body":"\#(connectionID)"}"#.utf8)
  }
}
