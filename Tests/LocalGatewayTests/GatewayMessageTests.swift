import HTTPWire
import TestSupport
import Testing
import WebSocketWire

@testable import LocalGateway

@Suite("The gateway's messages", .timeLimit(.minutes(10)))
struct GatewayMessageTests {
  @Test("a message takes the route that its body selects, any other takes $default", arguments: selections)
  func routing(_ selection: Selection) throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.send(text: selection.body)
    let call = try bench.call(0, of: selection.function)
    #expect(call.event.contains(#""routeKey":"\#(selection.function == "Quote" ? "quote" : "$default")""#))
    #expect(call.timeoutMilliseconds == 29_000)
  }

  @Test("without $default a message that selects no route gets Forbidden, and the socket stays open")
  func forbidden() throws {
    let bench = try GatewayBench { $0.routes.removeAll { $0.key == "$default" } }
    let (client, id) = try bench.connected()
    client.send(text: #"{"action":"nothing"}"#)
    let prefix = #"{"message": "Forbidden", "connectionId":"\#(id)", "requestId":""#
    #expect(try client.text().hasPrefix(prefix))
    client.send(text: #"{"action":"quote"}"#)
    _ = try bench.call(0, of: "Quote")
  }

  @Test("only a route with a route response returns the function's body")
  func routeResponses() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    bench.functions.answers["Quote"] = { _ in .json(#"{"statusCode":200,"body":"dropped"}"#) }
    bench.functions.answers["Default"] = { _ in .json(#"{"statusCode":200,"body":"returned é"}"#) }
    client.send(text: #"{"action":"quote"}"#)
    client.send(text: "anything")
    #expect(try client.text() == "returned é")
    #expect(client.isSilent())
  }

  @Test("an answer in base64 is decoded for the client; one that is no base64 is an error")
  func base64Answers() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    bench.functions.answers["Default"] = { _ in
      .json(#"{"statusCode":200,"isBase64Encoded":true,"body":"cmV0dXJuZWQgw6k="}"#)
    }
    client.send(text: "x")
    #expect(try client.text() == "returned é")
    bench.functions.answers["Default"] = { _ in .json(#"{"statusCode":200,"isBase64Encoded":true,"body":"é"}"#) }
    client.send(text: "x")
    #expect(try client.text().contains("Internal server error"))
  }

  @Test("an answer without a body, or with an empty one, sends nothing", arguments: ["null", #""""#])
  func emptyBody(_ body: String) throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    bench.functions.answers["Default"] = { _ in .json(#"{"statusCode":200,"body":\#(body)}"#) }
    client.send(text: "x")
    _ = try bench.call(0, of: "Default")
    #expect(client.isSilent())
  }

  @Test("a function that fails is told to the client in API Gateway's words", arguments: functionFailures)
  func failures(_ failure: Failure) throws {
    let bench = try GatewayBench()
    let (client, id) = try bench.connected()
    bench.functions.answers["Quote"] = { _ in failure.outcome }
    client.send(text: #"{"action":"quote"}"#)
    let frame = try client.text()
    #expect(frame.hasPrefix(#"{"message": "\#(failure.message)", "connectionId":"\#(id)", "requestId":""#))
    #expect(frame.hasSuffix(#"="}"#))
    // The event bore the same request id.
    let request = String(frame.suffix(18).dropLast(2))
    #expect(try bench.call(0, of: "Quote").event.contains(#""requestId":"\#(request)""#))
    #expect(client.isSilent() && bench.gateway.connections.count == 1)
  }

  @Test("a route whose function nobody knows is an internal error")
  func unknownFunction() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    bench.functions.names.remove("Default")
    client.send(text: "x")
    #expect(try client.text().hasPrefix(#"{"message": "Internal server error""#))
  }

  @Test("messages of one connection run side by side; each answer comes when it is ready")
  func parallel() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.send(text: "one")
    client.send(text: "two")
    let second = try bench.call(1, of: "Default")
    let first = try bench.call(0, of: "Default")
    #expect(first.event.contains(#""body":"one""#) && second.event.contains(#""body":"two""#))
    second.complete(.json(#"{"statusCode":200,"body":"2"}"#))
    #expect(try client.text() == "2")
    first.complete(.json(#"{"statusCode":200,"body":"1"}"#))
    #expect(try client.text() == "1")
  }

  @Test("an answer to a client that has gone is dropped")
  func lateAnswer() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.send(text: "x")
    let call = try bench.call(0, of: "Default")
    client.http.client.close()
    _ = try bench.call(0, of: "Disconnect")
    call.complete(.json(#"{"statusCode":200,"body":"late"}"#))
    bench.test.settle()
  }

  @Test("a ping is answered and invokes nothing")
  func ping() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.send(ping: bytes("hello"))
    #expect(try client.next() == .pong(bytes("hello")))
    #expect(bench.functions.calls(of: "Default").isEmpty)
  }

  @Test("text of any kind reaches the function as it was sent")
  func exactText() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.send(text: "quote \" backslash \\ line\nnul \u{0} é 😀")
    let event = try bench.call(0, of: "Default").event
    #expect(event.contains(#""body":"quote \" backslash \\ line\nnul \u0000 é 😀""#))
  }
}

struct Selection: Sendable, CustomTestStringConvertible {
  let body: String
  let function: String
  var testDescription: String { body }
}

private let selections = [
  Selection(body: #"{"action":"quote"}"#, function: "Quote"),
  Selection(body: #" {"x":[1,{}],"action" : "quote"} "#, function: "Quote"),
  Selection(body: #"{"action":"quotes"}"#, function: "Default"),
  Selection(body: #"{"action":"Quote"}"#, function: "Default"),
  Selection(body: #"{"type":"quote"}"#, function: "Default"),
  Selection(body: #"{"action":["quote"]}"#, function: "Default"),
  Selection(body: #"{"action":"quote"} more"#, function: "Default"),
  Selection(body: #"{"action":"$connect"}"#, function: "Default"),
  Selection(body: "quote", function: "Default"),
  Selection(body: "", function: "Default"),
]

struct Failure: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let message: String

  var outcome: InvocationOutcome {
    switch testDescription {
    case "timed out": .timedOut
    case "throttled": .throttled
    case "error": .functionError(document: [], type: "Runtime.ExitError")
    case "5xx": .json(#"{"statusCode":500,"body":"x"}"#)
    default: .json("null")
    }
  }
}

private let functionFailures = [
  Failure(testDescription: "timed out", message: "Endpoint request timed out"),
  Failure(testDescription: "throttled", message: "Internal server error"),
  Failure(testDescription: "error", message: "Internal server error"),
  Failure(testDescription: "5xx", message: "Internal server error"),
  Failure(testDescription: "malformed", message: "Internal server error"),
]
