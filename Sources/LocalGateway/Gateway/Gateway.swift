import HTTPWire
import Telemetry
import WebSocketWire

/// API Gateway's WebSocket API on one machine: clients come in at `ws://127.0.0.1:{port}/{stage}`, functions are
/// invoked for what they do, and post back through `http://127.0.0.1:{port}/{stage}/@connections/{id}`.
///
///     let gateway = try Gateway(configuration, loop: loop, log: log) { port in functions }
///     gateway.server.add(invokeAPI)            // whatever else is to be answered on the port
///     loop.run()
final class Gateway: HTTPRequestHandler {
  let configuration: GatewayConfiguration
  let server: HTTPServer
  let loop: EventLoop
  let events: GatewayEventWriter
  let log: Log
  let invoker: any FunctionInvoker
  /// What is to go wrong, if anything.
  let faults: Faults?
  /// Route events that are given to their functions after the next one of their connections.
  var delayedEvents: [ConnectionKey: DelayedEvent] = [:]
  private(set) var connections: [ConnectionKey: ClientConnection] = [:]

  /// Those whose outcome is still to come.
  private(set) var runningInvocations = 0
  private var connectionsOpened = 0

  private let hub: WebSocketHub
  private let selection: RouteSelection
  private let routes: [String: GatewayRoute]
  private let selectsRoutes: Bool
  private let randomness: Randomness
  private var isSweeping = false

  var clock: Clock { loop.clock }
  var port: UInt16 { server.port }

  /// Listens at once. `makeInvoker` gets the port, which functions need to post back.
  init(
    _ configuration: GatewayConfiguration, loop: EventLoop, log: Log, randomness: Randomness = .system,
    faults: Faults? = nil, makeInvoker: (UInt16) -> any FunctionInvoker
  ) throws(GatewayError) {
    do {
      selection = try RouteSelection(configuration.routeSelectionExpression)
    } catch {
      throw GatewayError(message: error.description)
    }
    let buffer = ReadBuffer()
    do {
      server = try HTTPServer(
        port: configuration.port, loop: loop, limits: configuration.http,
        allowedOrigins: configuration.allowedOrigins, buffer: buffer, log: log)
    } catch {
      throw GatewayError(error)
    }
    self.configuration = configuration
    self.loop = loop
    invoker = makeInvoker(server.port)
    self.log = log
    self.randomness = randomness
    self.faults = faults
    events = GatewayEventWriter(stage: configuration.stage, clock: loop.clock, randomness: randomness)
    hub = WebSocketHub(loop: loop, buffer: buffer)
    routes = Dictionary(configuration.routes.map { ($0.key, $0) }) { _, last in last }
    selectsRoutes = configuration.routes.contains { !$0.key.hasPrefix("$") }
    server.add(self)
  }

  /// Stops listening and lets every client go with 1001; `$disconnect` is invoked for each.
  func close() {
    server.close()
    for connection in Array(connections.values) {
      connection.close(code: WebSocketCloseCode.goingAway, reason: "Going away")
    }
  }

  /// Closes the sockets of clients that have not said goodbye in their turn.
  func drop() { hub.close() }

  // MARK: Requests

  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    if let target = ManagementTarget(request.target.utf8, stage: configuration.stage) {
      manage(target, request: request, responder: responder)
      return true
    }
    guard let query = stageQuery(of: request) else {
      // Another stage, then; a request that is no WebSocket may be for another handler.
      if request.asksForWebSocket { responder.refuse(status: 403, message: "Forbidden") }
      return request.asksForWebSocket
    }
    guard let upgrade = WebSocketUpgrade.check(request, responder: responder) else { return true }
    connect(request, query: query, upgrade: upgrade, responder: responder)
    return true
  }

  /// The query with which the request reaches the stage, by its own path or by an alias.
  private func stageQuery(of request: HTTPRequest) -> Query? {
    let path = request.path
    let query = Query(request.query ?? "")
    if path == "/" + configuration.stage || path == "/" + configuration.stage + "/" { return query }
    for alias in configuration.aliases {
      if let rewritten = alias.rewrite(path: path, query: query) { return rewritten }
    }
    return nil
  }

  // MARK: Routes

  /// The route that a message takes: the one its key selects, else `$default`, if there is one.
  func route(for body: [UInt8]) -> GatewayRoute? {
    if selectsRoutes, let key = selection.key(for: body), !key.hasPrefix("$"), let route = routes[key] { return route }
    return routes["$default"]
  }

  /// The route of that key, for `$connect` and `$disconnect`.
  func route(named key: String) -> GatewayRoute? { routes[key] }

  func invoke(
    _ route: GatewayRoute, event: [UInt8], of identity: ConnectionIdentity,
    completion: @escaping (InvocationOutcome) -> Void
  ) {
    guard let faults else { return give(event, to: route, completion: completion) }
    invoke(route, event: event, of: identity, under: faults, completion: completion)
  }

  /// For an invocation that is put off, so that stopping waits for it too.
  func awaitInvocation() { runningInvocations += 1 }
  func invocationEnded() { runningInvocations -= 1 }

  func give(_ event: [UInt8], to route: GatewayRoute, completion: @escaping (InvocationOutcome) -> Void) {
    awaitInvocation()
    invoker.invoke(
      route.function, payload: event, timeoutMilliseconds: configuration.integrationMilliseconds
    ) { outcome in
      self.invocationEnded()
      completion(outcome)
    }
  }

  // MARK: Connections

  /// Takes over the socket of an accepted client; false if the client has gone meanwhile.
  func accept(
    _ identity: ConnectionIdentity, upgrade: WebSocketUpgrade, subprotocol: String?, responder: HTTPResponder
  ) -> Bool {
    guard let socket = responder.upgrade(headers: upgrade.accepting(subprotocol: subprotocol)) else { return false }
    let channel = WebSocketChannel(
      socket, limits: configuration.limits, sendBufferBytes: configuration.sendBufferBytes, hub: hub)
    let connection = ClientConnection(identity, channel, gateway: self)
    connections[identity.key] = connection
    if !isSweeping { scheduleSweep() }
    channel.start(connection, input: socket.input)
    return true
  }

  func makeKey() -> ConnectionKey { ConnectionKey.random(randomness) }

  func nextConnectionNumber() -> Int {
    connectionsOpened += 1
    return connectionsOpened
  }

  func disconnected(_ connection: ClientConnection, code: UInt16, reason: String) {
    connections[connection.identity.key] = nil
    disconnect(connection.identity, code: code, reason: reason)
  }

  /// Tells `$disconnect`, which is best effort: nobody hears how it went.
  func disconnect(_ identity: ConnectionIdentity, code: UInt16, reason: String) {
    log.debug("disconnected", ["connectionId": .text(identity.key.text), "code": .number(Int64(code))])
    guard let route = routes["$disconnect"], invoker.hasFunction(route.function) else { return }
    if let faults, isDisconnectLost(of: identity, faults: faults) { return }
    invoke(route, event: events.disconnect(identity, code: code, reason: reason), of: identity) { _ in }
  }

  // MARK: Time limits

  /// One timer for all, since there may be ten thousand of them.
  private func scheduleSweep() {
    isSweeping = true
    let shortest = min(configuration.idleMilliseconds, configuration.durationMilliseconds)
    loop.schedule(afterMilliseconds: max(10, min(5000, shortest / 4))) { self.sweep() }
  }

  private func sweep() {
    isSweeping = false
    let now = clock.monotonicMilliseconds()
    for connection in Array(connections.values) { connection.checkTime(now: now) }
    if !connections.isEmpty { scheduleSweep() }
  }

  static let json = [(name: "Content-Type", value: "application/json")]
}

/// Why a gateway could not start.
package struct GatewayError: Error, CustomStringConvertible {
  /// What was tried, what stood in the way, and what to do about it.
  package let message: String
  /// The port on which another program listens, if that is the fault.
  package let portInUse: UInt16?

  init(message: String) {
    self.message = message
    portInUse = nil
  }

  init(_ error: ListenError) {
    message = error.description
    portInUse = error.isPortInUse ? error.port : nil
  }

  package var description: String { message }
}
