import ConnectionStore
import GatewayEvents
import LambdaRuntime
import Messaging
import Streams
import Telemetry

/// `$connect`: decides whether a client may come in, and writes its connection with what it listens to.
///
/// Nothing can be posted to a connection while its `$connect` runs, so the greeting waits for the client's `hello`.
struct Connect: LambdaHandler {
  let connections: Connections
  let access: Access
  let log: Log

  mutating func handle(_ event: [UInt8], _ context: InvocationContext) throws -> [UInt8] {
    guard case .connect(let event) = try GatewayEvent(decoding: event) else { throw WrongRoute() }
    return try answer(event, log.with(["requestId": .text(context.requestID)])).encoded()
  }

  private func answer(_ event: ConnectEvent, _ log: Log) throws(TableError) -> ProxyResponse {
    if let reason = access.refusal {
      log.warn("connection refused", fields(event, reason))
      return ProxyResponse(403, error: "Forbidden", message: "this connection is not allowed")
    }
    let request: ConnectRequest
    do throws(ConnectRequest.Invalid) {
      request = try ConnectRequest(event)
    } catch {
      log.warn("connection refused", fields(event, error.message))
      return ProxyResponse(400, error: "Bad Request", message: error.message)
    }
    return try answer(event, connections.connect(request.record(of: event)), log)
  }

  private func answer(
    _ event: ConnectEvent, _ outcome: Connections.ConnectOutcome, _ log: Log
  ) -> ProxyResponse {
    switch outcome {
    case .connected:
      log.debug("connected", fields(event, nil))
      return ProxyResponse(200, headers: Self.subprotocol(event))
    case .alreadyGone:
      log.info("connection left before it was connected", fields(event, nil))
      return ProxyResponse(410, error: "Gone", message: "the connection has left")
    case .tooManySubscriptions(let count):
      let message = ConnectRequest.tooMany(count)
      log.warn("connection refused", fields(event, message))
      return ProxyResponse(400, error: "Bad Request", message: message)
    }
  }

  /// A browser closes a connection whose answer names none of the subprotocols it offered. Of the pair `bearer, TOKEN` the
  /// first is the name; the second must never be sent back.
  private static func subprotocol(_ event: ConnectEvent) -> [(name: String, value: String)] {
    event.offeredSubprotocols.first.map { [("Sec-WebSocket-Protocol", $0)] } ?? []
  }

  private func fields(_ event: ConnectEvent, _ reason: String?) -> Log.Fields {
    [
      "connectionId": .text(event.context.connectionID.text), "address": .text(event.context.sourceAddress),
      "reason": .text(reason ?? "none"),
    ]
  }
}

/// The function was put behind another route than its own.
struct WrongRoute: LambdaError, CustomStringConvertible {
  var errorType: String { "Function.WrongRoute" }
  var description: String { "ConnectHandler answers events of the type CONNECT; put it behind the route $connect" }
}
