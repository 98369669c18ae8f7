package import WebSocketWire

/// One route of the WebSocket API.
package struct GatewayRoute: Sendable {
  /// `$connect`, `$disconnect`, `$default`, or what the route selection expression gives.
  package let key: String
  package let function: String
  /// Whether the route has a route response: only then does the function's body go back to the client.
  package let returnsAnswer: Bool

  package init(key: String, function: String, returnsAnswer: Bool = false) {
    self.key = key
    self.function = function
    self.returnsAnswer = returnsAnswer
  }
}

/// A WebSocket API and its stage, and API Gateway's quotas, each of which can be changed.
package struct GatewayConfiguration {
  /// Of 127.0.0.1; 0 takes any free one.
  package var port: UInt16 = 8000
  package var stage = "dev"
  package var routes: [GatewayRoute] = []
  package var routeSelectionExpression = "$request.body.action"
  /// 128 KB a message, 32 KB a frame, no binary. `messageBytes` bounds what is posted to a connection too.
  package var limits = WebSocketSession.Limits.apiGateway
  /// For a function to answer: 29 seconds.
  package var integrationMilliseconds: Int64 = 29_000
  /// Without a message in either direction: 10 minutes.
  package var idleMilliseconds: Int64 = 600_000
  /// Of a connection's life: 2 hours.
  package var durationMilliseconds: Int64 = 7_200_000
  /// What may wait for a client that does not read before posts to it are answered 429.
  package var sendBufferBytes = 1 << 20
  /// Origins of web pages that may use the gateway: `http://localhost:3000`.
  package var allowedOrigins: Set<String> = []
  /// What is served to browsers.
  package var pages = PageConfiguration()
  /// Where a plain echo server listens beside the gateway, if at all; see `EchoServer`.
  package var echoPort: UInt16?
  /// What stands before functions that are reached over HTTP.
  package var http = HTTPFrontConfiguration()
  /// What is invoked without anybody's doing.
  package var schedules: [FunctionSchedule] = []
  /// What is to go wrong, if anything; see `FaultPlan`.
  package var faults: FaultPlan?
  var aliases = PathAlias.documented
  var server = HTTPServerLimits()

  package init() {}
}
