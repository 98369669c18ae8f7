import AWS
import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import HTTPClient
import JSON
import LambdaEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ConnectHandler
@testable import DefaultHandler
@testable import Delivery
@testable import DisconnectHandler
@testable import Publisher

/// The handlers over one table in memory, with an ear where the posts would go.
final class Stage {
  let clock = SettableClock()
  let table: any Table
  let ear = Ear()
  let invocations = Invocations()
  let id = ConnectionID("R0oXAdfD0kwCH6w=")!
  private var requests = 0

  init(_ wrap: (any Table) -> any Table = { $0 }) { table = wrap(MemoryTable(clock: clock.clock)) }

  init(over make: (Clock) throws -> any Table) rethrows { table = try make(clock.clock) }

  /// Nobody is pinged by a sweep, but where a test says so.
  var limits = {
    var limits = StreamLimits()
    limits.pingSeconds = 0
    return limits
  }()
  /// Whether clients leave it to the server to greet them; else they say that a hello will come.
  var greetsClients = false
  var types = EventTypeTable.standard
  let lines = Lines()
  var level = Log.Level.info
  /// Of the functions on the routes; the Publisher writes them in any case.
  var writesMetrics = false

  func metrics(_ function: String) -> FunctionMetrics {
    FunctionMetrics(
      environment: Environment(["AWS_LAMBDA_FUNCTION_NAME": function]), clock: clock.clock,
      readUsage: { ProcessUsage(processorMicroseconds: 1_900, peakKilobytes: 20_500) },
      write: { [lines] in lines.add($0) })
  }

  private var log: Log { Log(minimum: level, clock: clock.clock, write: { [lines] in lines.add($0) }) }
  var connections: Connections { Connections(table: table, limits: limits, clock: clock.clock) }

  func context(_ type: String, id: ConnectionID? = nil) -> RequestContext {
    requests += 1
    clock.advance(milliseconds: 1)
    let now = clock.clock.milliseconds()
    return RequestContext(
      routeKey: "$default", eventType: type, requestID: "r-\(requests)", connectionID: id ?? self.id,
      messageID: type == "MESSAGE" ? "m-\(requests)" : nil, apiID: "local", stage: "dev", domainName: "127.0.0.1:8000",
      requestTime: "", requestTimeMilliseconds: now, connectedAtMilliseconds: now, sourceAddress: "127.0.0.1")
  }

  var invocation: InvocationContext {
    InvocationContext(requestID: "i", deadlineMilliseconds: clock.clock.milliseconds() + 30_000)
  }

  /// What `$connect` answers a client that is let in.
  static let connected = #"{"statusCode":200,"body":"Connected"}"#

  /// What `$connect` answers, as JSON text.
  func connect(
    _ query: [(String, String)] = [], protocols: String? = nil, headers fields: [(String, String)] = [],
    access: [String: String] = ["ACCESS": "open"], address: String = "127.0.0.1", id: ConnectionID? = nil
  ) throws -> String {
    var headers = JSONWriter()
    headers.object { writer in
      writer.member("Host", "127.0.0.1:8000")
      writer.member("sec-websocket-protocol", ifPresent: protocols)
      for (name, value) in fields { writer.member(name, value) }
    }
    var context = context("CONNECT", id: id)
    context.sourceAddress = address
    let event = GatewayEvent.connect(
      ConnectEvent(
        context: context, headers: GatewayHeaders(json: headers.bytes[...]),
        query: QueryParameters((query + (greetsClients ? [] : [("hello", "1")])).map { (name: $0.0, value: $0.1) })))
    var handler = try connector(Environment(access))
    return text(try handler.handle(event.encoded(), context: invocation))
  }

  /// The server of the keys of tokens.
  var fetch: RemoteKeys.Fetch = { request throws(HTTPClientError) in
    throw HTTPClientError(.notConnected, tried: "GET", host: request.url.origin, message: "not in this test")
  }

  /// A ConnectHandler's environment.
  func connector(_ environment: Environment) throws -> Connect<Ear> {
    let settings = try AccessSettings(environment: environment)
    return Connect(
      connections: connections, types: types,
      access: AccessControl(
        settings: settings, keys: keys, clock: clock.clock, log: log, fetch: fetch),
      proxy: settings.proxy, attempts: AttemptLimit(settings: settings.attempts, table: table, clock: clock.clock),
      userLimit: UserLimit(
        maximum: settings.connectionsPerUser, clientMaximum: settings.connectionsPerClient, connections: connections,
        calls: ear, clock: clock.clock),
      lagRows: LagRows(table: table, limits: limits, clock: clock.clock),
      greeter: InvokedFunction(named: environment["GREETING_FUNCTION"], by: invocations), log: log,
      metrics: writesMetrics ? metrics("ConnectHandler") : nil)
  }

  var keys: APIKeys { APIKeys(table: table, clock: clock.clock) }

  func disconnect(id: ConnectionID? = nil, code: Int? = nil, reason: String? = nil) throws -> String {
    var handler = Disconnect(
      connections: connections, log: log, metrics: writesMetrics ? metrics("DisconnectHandler") : nil)
    var context = context("DISCONNECT", id: id)
    (context.disconnectStatusCode, context.disconnectReason) = (code, reason)
    return text(
      try handler.handle(
        GatewayEvent.disconnect(DisconnectEvent(context: context)).encoded(), context: invocation))
  }

  /// The frame that `$default` answers a frame with, or nil.
  func say(_ frame: String, id: ConnectionID? = nil, over table: (any Table)? = nil) throws -> String? {
    try say(bytes(frame), id: id, over: table)
  }

  func say(_ frame: [UInt8], id: ConnectionID? = nil, over table: (any Table)? = nil) throws -> String? {
    let event = GatewayEvent.message(MessageEvent(context: context("MESSAGE", id: id), body: frame))
    var handler = receive(over: table ?? self.table)
    var reader = JSONReader(try handler.handle(event.encoded(), context: invocation))
    var body: String?
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if key == "body" { body = try reader.string() } else { try reader.skip() }
    }
    return body
  }

  private func receive(over table: any Table) -> Receive<Ear> {
    Receive(
      connections: Connections(table: table, limits: limits, clock: clock.clock),
      recovery: RecoveryReader(table: table, types: types, limits: limits, log: log, clock: clock.clock),
      lagRows: LagRows(table: table, limits: limits, clock: clock.clock),
      publisher: InvokedFunction(named: "Publisher", by: invocations), outbox: ear, log: log,
      clock: clock.clock)
  }

  func greet(_ payload: String) throws -> String {
    var handler = receive(over: table)
    return text(try handler.handle(bytes(payload), context: invocation))
  }

  func publish(
    _ payload: String, over table: (any Table)? = nil, randomness: Randomness? = nil, ownName: String? = "Publisher"
  ) throws -> String {
    let table = table ?? self.table
    var handler = Publish(
      eventLog: StreamLog(
        table: table, limits: limits, states: StateRules(types: types, limits: limits), clock: clock.clock),
      streams: StreamSender(table: table, types: types, sender: ear, limits: limits, log: log, clock: clock.clock),
      limits: limits,
      itself: InvokedFunction(named: ownName, by: invocations), log: log,
      metrics: metrics("Publisher"),
      clock: clock.clock, randomness: randomness ?? .system)
    return text(try handler.handle(bytes(payload), context: invocation))
  }
}

extension Stage {
  /// What the Publisher says of a payload of which it can take nothing.
  func refused(_ payload: String) throws -> String {
    let error = try #require(throws: NothingPublished.self) { try publish(payload) }
    return text(error.answer.encoded())
  }

  /// The lines that say so.
  func lines(saying message: String) -> [String] { lines.all.filter { $0.contains("\"message\":\"\(message)\"") } }

  /// What was asked for with nobody waiting for it.
  func runInvocations() throws { for payload in invocations.takeAll() { _ = try publish(payload) } }
}

/// Keeps what is logged.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])

  func add(_ line: [UInt8]) { lines.withLock { $0.append(text(line)) } }

  var all: [String] { lines.withLock { $0 } }
}
