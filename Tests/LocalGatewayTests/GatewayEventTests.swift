import LambdaEvents
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import LocalGateway

@Suite("The gateway's events")
struct GatewayEventTests {
  /// 20 November 2026, 12:00:00.453.
  static let clock = Clock(milliseconds: { 1_795_176_000_453 }, monotonicMilliseconds: { 0 })
  let events = StageEvents(stage: "dev", clock: clock, randomness: Randomness { 0 })
  let identity = ConnectionIdentity(
    key: ConnectionKey.random(Randomness { .max }), connectedAt: 1_795_176_000_000, domainName: "127.0.0.1:8000",
    userAgent: "x")

  @Test("CONNECT has headers and query, each once and as lists, and no body")
  func connect() {
    let headers = [(name: "Host", value: "127.0.0.1:8000"), (name: "X-A", value: "1"), (name: "X-A", value: "2")]
    let event = events.connect(identity, headers: headers, query: Query("a=1&a=2&b="))
    let expected = """
      {"headers":{"Host":"127.0.0.1:8000","X-A":"2"},\
      "multiValueHeaders":{"Host":["127.0.0.1:8000"],"X-A":["1","2"]},\
      "queryStringParameters":{"a":"2","b":""},"multiValueQueryStringParameters":{"a":["1","2"],"b":[""]},\
      "requestContext":{"routeKey":"$connect","eventType":"CONNECT","extendedRequestId":"AAAAAAAAAAAAAAA=",\
      "requestTime":"20/Nov/2026:12:00:00 +0000","messageDirection":"IN","stage":"dev","connectedAt":1795176000000,\
      "requestTimeEpoch":1795176000453,"identity":{"userAgent":"x","sourceIp":"127.0.0.1"},\
      "requestId":"AAAAAAAAAAAAAAA=","domainName":"127.0.0.1:8000","connectionId":"_______________=","apiId":"local"},\
      "isBase64Encoded":false}
      """
    #expect(text(event.encoded()) == expected)
  }

  @Test("CONNECT without a query has no query keys, an unnamed client no userAgent")
  func absentKeys() {
    let unnamed = ConnectionIdentity(
      key: identity.key, connectedAt: 0, domainName: "localhost", userAgent: nil)
    let event = text(events.connect(unnamed, headers: [], query: Query("")).encoded())
    #expect(!event.contains("ueryStringParameters"))
    #expect(event.contains(#""identity":{"sourceIp":"127.0.0.1"}"#))
    #expect(!event.contains("body"))
  }

  @Test("MESSAGE has a body, a message id and no headers")
  func message() {
    let event = events.message(identity, routeKey: "$default", requestID: "Ry2=", body: bytes(#"{"action":"ping"}"#))
    let expected = """
      {"requestContext":{"routeKey":"$default","messageId":"AAAAAAAAAAAAAAA=","eventType":"MESSAGE",\
      "extendedRequestId":"Ry2=","requestTime":"20/Nov/2026:12:00:00 +0000","messageDirection":"IN","stage":"dev",\
      "connectedAt":1795176000000,"requestTimeEpoch":1795176000453,\
      "identity":{"userAgent":"x","sourceIp":"127.0.0.1"},"requestId":"Ry2=","domainName":"127.0.0.1:8000",\
      "connectionId":"_______________=","apiId":"local"},"body":"{\\"action\\":\\"ping\\"}","isBase64Encoded":false}
      """
    #expect(text(event.encoded()) == expected)
  }

  @Test("DISCONNECT has its four odd headers, the code and the reason")
  func disconnect() {
    let event = events.disconnect(identity, code: 1005, reason: "Client-side close frame status not set")
    let expected = """
      {"headers":{"Host":"127.0.0.1:8000","x-api-key":"","X-Forwarded-For":"","x-restapi":""},\
      "multiValueHeaders":{"Host":["127.0.0.1:8000"],"x-api-key":[""],"X-Forwarded-For":[""],"x-restapi":[""]},\
      "requestContext":{"routeKey":"$disconnect","disconnectStatusCode":1005,"eventType":"DISCONNECT",\
      "extendedRequestId":"AAAAAAAAAAAAAAA=","requestTime":"20/Nov/2026:12:00:00 +0000","messageDirection":"IN",\
      "disconnectReason":"Client-side close frame status not set","stage":"dev","connectedAt":1795176000000,\
      "requestTimeEpoch":1795176000453,"identity":{"userAgent":"x","sourceIp":"127.0.0.1"},\
      "requestId":"AAAAAAAAAAAAAAA=","domainName":"127.0.0.1:8000","connectionId":"_______________=","apiId":"local"},\
      "isBase64Encoded":false}
      """
    #expect(text(event.encoded()) == expected)
  }

  @Test("a client's headers keep their case; those of the connection itself are left out", .timeLimit(.minutes(10)))
  func clientHeaders() throws {
    let bench = try GatewayBench()
    _ = try bench.connected(headers: ["X-Mixed-Case: Yes", "x-api-key: k", "X-Forwarded-For: 203.0.113.7"])
    let event = try bench.call(0, of: "Connect").event
    let head = #""headers":{"Host":"127.0.0.1:\#(bench.gateway.port)","Sec-WebSocket-Version":"13","#
    #expect(event.contains(head))
    #expect(event.contains(#""X-Mixed-Case":"Yes","x-api-key":"k","X-Forwarded-For":"203.0.113.7, 127.0.0.1","#))
    #expect(event.contains(#""multiValueHeaders":{"Host":["#))
    #expect(!event.contains("Upgrade"))
  }
}

@Suite("Route selection")
struct RouteSelectionTests {
  @Test(
    "an expression is evaluated on the body",
    arguments: [
      ("$request.body.action", #"{"action":"a"}"#, "a"), ("$request.body.a.b", #"{"a":{"b":"c"}}"#, "c"),
      ("$request.body.action", #"{"action":12.50}"#, "12.50"),
      ("$request.body.action", #"{"action":[1, 2]}"#, "[1, 2]"),
      ("$request.body.action", #"{"action":"a","action":"b"}"#, "b"), ("$request.body.action", "{}", ""),
      ("$request.body.action", "[1]", ""), ("${request.body.a}/${request.body.b}", #"{"a":"x","b":true}"#, "x/true"),
      (#"v1-${request.body.a}-\$default"#, #"{"a":"x"}"#, "v1-x-$default"),
    ])
  func evaluation(expression: String, body: String, key: String) throws {
    #expect(try RouteSelection(expression).key(for: bytes(body)) == key)
  }

  @Test("a body that is not JSON selects nothing", arguments: ["", "x", "{", #"{"action":"a"}}"#])
  func notJSON(_ body: String) throws {
    #expect(try RouteSelection("$request.body.action").key(for: bytes(body)) == nil)
  }

  @Test(
    "an expression that is not understood is refused",
    arguments: ["$request.header.x", "${request.body.a", "$x", "$request.body."])
  func refused(_ expression: String) {
    #expect(throws: RouteSelectionError.self) { try RouteSelection(expression) }
  }
}
