public import LambdaEvents
public import LambdaRuntime

/// Answers the events of WebSocket routes of API Gateway.
///
///     struct Echo: WebSocketHandler {
///       mutating func message(_ event: MessageEvent, context: InvocationContext) -> ProxyResponse {
///         ProxyResponse(200, body: event.body)
///       }
///     }
///
///     LambdaRuntime.run(Echo())
///
/// A handler lives as long as its process and has one event at a time. It implements what its routes bring: an event of
/// another kind fails the invocation as `Function.WrongRoute`. A handler that throws costs one invocation: the client
/// gets API Gateway's error frame, `{"message":"Internal server error",…}`, and the process lives on.
///
/// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
public protocol WebSocketHandler: LambdaHandler {
  /// A client asks for a connection (`$connect`). A status of 200 lets it in, 400 and above refuses it, and so does an
  /// error. Nothing can be posted to it before this has ended.
  ///
  /// Who takes this route over decides who may connect, and no ConnectHandler remembers the connection.
  mutating func connect(_ event: ConnectEvent, context: InvocationContext) throws -> ProxyResponse

  /// A client sent a frame: `$default`, or a route that the message selected. The answer's body goes to the client
  /// where the route has a route response, and else nowhere.
  mutating func message(_ event: MessageEvent, context: InvocationContext) throws -> ProxyResponse

  /// A connection has ended (`$disconnect`). API Gateway tells it at best once, and drops an error.
  mutating func disconnect(_ event: DisconnectEvent, context: InvocationContext) throws
}

extension WebSocketHandler {
  /// Fails as `Function.WrongRoute`.
  public mutating func connect(_ event: ConnectEvent, context: InvocationContext) throws -> ProxyResponse {
    throw WrongRoute("\(Self.self)", context: event.context, advice: "it has no method 'connect'")
  }

  /// Fails as `Function.WrongRoute`.
  public mutating func message(_ event: MessageEvent, context: InvocationContext) throws -> ProxyResponse {
    throw WrongRoute("\(Self.self)", context: event.context, advice: "it has no method 'message'")
  }

  /// Fails as `Function.WrongRoute`.
  public mutating func disconnect(_ event: DisconnectEvent, context: InvocationContext) throws {
    throw WrongRoute("\(Self.self)", context: event.context, advice: "it has no method 'disconnect'")
  }

  /// Decodes the event, hands it to the method of its kind and encodes the answer. Not to be implemented again; a test
  /// of a handler may call it with an event's JSON.
  public mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    switch try GatewayEvent(decoding: event) {
    case .connect(let event): return try connect(event, context: context).encoded()
    case .message(let event): return try message(event, context: context).encoded()
    case .disconnect(let event):
      try disconnect(event, context: context)
      return ProxyResponse(200).encoded()
    }
  }
}
