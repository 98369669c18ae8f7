import LambdaEvents
import LambdaRuntime

/// The least a handler of `$connect` does: decode the event, answer 200. What it costs beyond the C loop is the price of
/// LambdaRuntime, JSON and LambdaEvents.
struct Decode: LambdaHandler {
  struct NoConnection: Error {}

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    guard case .connect(let connect) = try GatewayEvent(decoding: event), connect.query["channel"] != nil else {
      throw NoConnection()
    }
    return ProxyResponse(200).encoded()
  }
}
