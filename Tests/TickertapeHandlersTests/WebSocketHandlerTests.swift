import ConnectionStore
import Connections
import LambdaEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry
import TestSupport
import Testing
import TickertapeHandlers

@Suite("handlers of one's own")
struct WebSocketHandlerTests {
  private let clock = SettableClock()
  private let id = ConnectionID("R0oXAdfD0kwCH6w=")!
  private var invocation: InvocationContext { InvocationContext(requestID: "r", deadlineMilliseconds: .max) }

  private func event(_ type: String, route: String) -> [UInt8] {
    bytes(
      #"{"requestContext":{"eventType":"\#(type)","routeKey":"\#(route)","connectionId":"\#(id)","stage":"prod","#
        + #""domainName":"abc.execute-api.eu-west-1.amazonaws.com"},"body":"hi","isBase64Encoded":false}"#)
  }

  /// A table with one connection, as ConnectHandler writes it.
  private func table(user: String? = "u-1", untilMilliseconds: Int64? = nil) throws -> any Table {
    let table = MemoryTable(clock: clock.clock)
    let record = ConnectionRecord(
      id: id, principal: Principal(user: user, role: .analyst, groups: ["desk-7"]),
      connectedAtMilliseconds: clock.clock.milliseconds(), untilMilliseconds: untilMilliseconds)
    #expect(try Connections(table: table, clock: clock.clock).connect(record: record) == .connected)
    return table
  }

  private struct Recorder: WebSocketHandler {
    var seen: [String] = []

    mutating func connect(_ event: ConnectEvent, context: InvocationContext) -> ProxyResponse {
      seen.append("connect \(event.context.connectionID)")
      return ProxyResponse(401)
    }

    mutating func message(_ event: MessageEvent, context: InvocationContext) -> ProxyResponse {
      seen.append("message \(text(event.body)) on \(event.context.routeKey)")
      return ProxyResponse(200, text: "a \"b\"")
    }

    mutating func disconnect(_ event: DisconnectEvent, context: InvocationContext) {
      seen.append("disconnect \(event.context.connectionID)")
    }
  }

  @Test("each event reaches the method of its kind, and its answer is encoded")
  func kinds() throws {
    var handler = Recorder()
    #expect(
      text(try handler.handle(event("CONNECT", route: "$connect"), context: invocation)) == #"{"statusCode":401}"#)
    #expect(
      text(try handler.handle(event("MESSAGE", route: "whoami"), context: invocation))
        == #"{"statusCode":200,"body":"a \"b\""}"#)
    #expect(
      text(try handler.handle(event("DISCONNECT", route: "$disconnect"), context: invocation)) == #"{"statusCode":200}"#
    )
    #expect(handler.seen == ["connect \(id)", "message hi on whoami", "disconnect \(id)"])
  }

  private struct Nothing: WebSocketHandler {}

  @Test(
    "an event that a handler has no method for fails, and lets nobody in",
    arguments: ["CONNECT", "MESSAGE", "DISCONNECT"])
  func wrongRoute(type: String) throws {
    var handler = Nothing()
    let error = try #require(throws: WrongRoute.self) {
      try handler.handle(event(type, route: "r-1"), context: invocation)
    }
    #expect(
      "\(error)" == "Nothing does not answer events of the type \(type), but stands behind the route r-1: "
        + "it has no method '\(type.lowercased())'")
  }

  @Test("the example of the README says who is calling, and waves to all of the user's connections")
  func example() throws {
    let function = ScriptedPublisher()
    var example = WhoAmI(callers: Callers(table: try table(), clock: clock.clock), publisher: function.publisher())
    #expect(
      text(try example.handle(event("MESSAGE", route: "whoami"), context: invocation))
        == #"{"statusCode":200,"body":"\#(id) u-1"}"#)
    #expect(
      text(try example.handle(event("MESSAGE", route: "wave"), context: invocation))
        == #"{"statusCode":200,"body":"1 accepted"}"#)
    #expect(function.payloads.count == 1 && function.payloads[0].contains(#""user":"u-1""#))
    #expect(function.payloads[0].contains(#""data":{"from":"\#(id)"}"#))
  }

  @Test("who stands behind a connection is known while it is there and what it came in with holds")
  func callers() throws {
    let now = clock.clock.milliseconds()
    let table = try table(untilMilliseconds: now + 1_000)
    let callers = Callers(table: table, clock: clock.clock)
    #expect(try callers.principal(of: id) == Principal(user: "u-1", role: .analyst, groups: ["desk-7"]))
    #expect(try callers.principal(of: ConnectionID("other=")!) == nil)
    clock.advance(milliseconds: 1_000)
    #expect(try callers.principal(of: id) == nil, "the token has expired")
    let left = try self.table()
    try Connections(table: left, clock: clock.clock).disconnect(id: id)
    #expect(try Callers(table: left, clock: clock.clock).principal(of: id) == nil, "it has left")
  }

  @Test("a client is posted to where its event came from")
  func endpoint() throws {
    struct Endpoint: WebSocketHandler {
      mutating func message(_ event: MessageEvent, context: InvocationContext) -> ProxyResponse {
        ProxyResponse(200, text: event.context.endpoint)
      }
    }
    var handler = Endpoint()
    #expect(
      text(try handler.handle(event("MESSAGE", route: "r"), context: invocation))
        == #"{"statusCode":200,"body":"https://abc.execute-api.eu-west-1.amazonaws.com/prod"}"#)
  }
}
