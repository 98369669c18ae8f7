import HTTPWire
import Telemetry
import WebSocketWire

/// API Gateway's WebSocket API on one machine: clients come in at `ws://127.0.0.1:{port}/{stage}`, functions are
/// invoked for what they do, and post back through `http://127.0.0.1:{port}/{stage}/@connections/{id}`.
///
///     let gateway = try Gateway(configuration, loop: loop, log: log) { port in functions }
///     gateway.server.add(invokeAPI)            // whatever else is to be answered on the port
///     loop.run()
///
/// A client passes through it in this order: `handle` reads the request, `connect` (Handshake.swift) asks `$connect`,
/// `accept` takes over the socket, `ClientConnection` sends each message to its route and the answer back, and
/// `disconnected` tells `$disconnect`. Each time `invocations` runs the function.
final class Gateway: HTTPRequestHandler {
  let configuration: GatewayConfiguration
  let server: HTTPServer
  let loop: EventLoop
  let events: StageEvents
  let log: Log
  let invocations: RouteInvocations
  /// What is to go wrong with posts, if anything.
  let faults: Faults?
  private(set) var connections: [ConnectionKey: ClientConnection] = [:]
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
        port: configuration.port, loop: loop, limits: configuration.server,
        allowedOrigins: configuration.allowedOrigins, buffer: buffer, log: log)
    } catch {
      throw GatewayError(error)
    }
    self.configuration = configuration
    self.loop = loop
    invocations = RouteInvocations(
      makeInvoker(server.port), timeoutMilliseconds: configuration.integrationMilliseconds, loop: loop, faults: faults)
    self.log = log
    self.randomness = randomness
    self.faults = faults
    events = StageEvents(stage: configuration.stage, clock: loop.clock, randomness: randomness)
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
    guard let route = routes["$disconnect"], invocations.hasFunction(of: route) else { return }
    guard !invocations.losesDisconnect(of: identity) else { return }
    invocations.send(events.disconnect(identity, code: code, reason: reason), to: route, of: identity) { _ in }
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
