import FoundationEssentials
import JSON
import LambdaEvents
import Messaging
import TestSupport
import Testing

/// The events of `Tests/Fixtures/gateway`.
enum GatewayFixture: String, CaseIterable, CustomTestStringConvertible {
  case connectBrowser = "connect-browser"
  case connectBare = "connect-bare"
  case connectAuthorized = "connect-authorized"
  case message
  case messageAuthorized = "message-authorized"
  case disconnectIdle = "disconnect-idle"
  case disconnectClient = "disconnect-client"

  var testDescription: String { rawValue }

  func bytes(_ file: String = #filePath) throws -> [UInt8] {
    let tests = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    return try Array(Data(contentsOf: URL(filePath: "\(tests)/Fixtures/gateway/\(rawValue).json")))
  }
}

@Suite("events of API Gateway's WebSocket routes")
struct GatewayEventTests {
  @Test("decoded and encoded again are the same", arguments: GatewayFixture.allCases)
  func roundTrip(fixture: GatewayFixture) throws {
    let original = try fixture.bytes()
    let encoded = try GatewayEvent(decoding: original).encoded()
    #expect(try canonical(encoded) == canonical(original))
  }

  @Test("what the fuzzer has found and collected holds", arguments: ["Corpus", "FailCases"])
  func fuzzed(folder: String) throws {
    let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = repository.appending(path: "Fuzz/\(folder)/GatewayEvents")
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? [] where !name.hasPrefix(".") {
      let violation = try GatewayEventAgreement.violation(of: [UInt8](Data(contentsOf: path.appending(path: name))))
      #expect(violation == nil, "\(name)")
    }
  }

  @Test("what is made of that by small changes holds")
  func mutations() throws {
    let seed = UInt64.random(in: .min ... .max)
    var corpus = try MutatedCorpus(of: "GatewayEvents", seed: seed)
    for number in 0..<15000 {
      let input = corpus.next()
      let violation = GatewayEventAgreement.violation(of: input)
      try #require(violation == nil, "seed \(seed), number \(number): \(input)")
    }
  }

  @Test("a connect has its parameters, its headers whatever their case, and no body")
  func connect() throws {
    guard case .connect(let event) = try GatewayEvent(decoding: GatewayFixture.connectBrowser.bytes()) else {
      Issue.record("not a connect")
      return
    }
    #expect(event.context.connectionID.text == "R0oXAdfD0kwCH6w=")
    #expect(event.context.connectedAtMilliseconds == 1_795_176_000_000)
    #expect(event.context.requestTimeMilliseconds == 1_795_176_000_453)
    #expect(event.context.sourceAddress == "203.0.113.7")
    #expect(event.query["eventTypes"] == "signal,decision")
    #expect(event.query["nothing"] == nil)
    #expect(event.headers["sec-websocket-version"] == "13")
    #expect(event.headers["Cookie"] == nil)
  }

  @Test("a connect without query, subprotocol and user agent has none of them")
  func bareConnect() throws {
    guard case .connect(let event) = try GatewayEvent(decoding: GatewayFixture.connectBare.bytes()) else {
      Issue.record("not a connect")
      return
    }
    #expect(event.query.pairs.isEmpty)
    #expect(event.context.userAgent == nil)
    #expect(event.context.authorizer == nil)
    #expect(event.context.messageID == nil)
  }

  @Test("what an authorizer found is on messages too")
  func authorizer() throws {
    let connect = try GatewayEvent(decoding: GatewayFixture.connectAuthorized.bytes())
    #expect(connect.context.authorizer.map { text($0) }?.contains("\"principalId\":\"u-1\"") == true)
    let message = try GatewayEvent(decoding: GatewayFixture.messageAuthorized.bytes())
    #expect(message.context.authorizer.map { text($0) } == #"{"principalId":"u-1"}"#)
  }

  @Test("a message has the frame as the client sent it")
  func message() throws {
    guard case .message(let event) = try GatewayEvent(decoding: GatewayFixture.message.bytes()) else {
      Issue.record("not a message")
      return
    }
    #expect(text(event.body) == #"{"type":"ping","text":"ü \ud800 \u0000"}"#)
    #expect(event.context.messageID == "Rx1PzeXeoAMCFLQ=")
  }

  @Test("a disconnect has the close code and its reason")
  func disconnect() throws {
    guard case .disconnect(let event) = try GatewayEvent(decoding: GatewayFixture.disconnectIdle.bytes()) else {
      Issue.record("not a disconnect")
      return
    }
    #expect(event.context.disconnectStatusCode == 1001)
    #expect(event.context.disconnectReason == "Going away")
    #expect(event.headers["X-API-Key"] == "")
  }

  @Test("the event type decides, not the route key, and unknown members are passed over")
  func dispatch() throws {
    let json = #"""
      {"new":{"a":[1,2,{"b":null}]},"requestContext":{"routeKey":"$connect","eventType":"MESSAGE","newer":[[]],
       "connectionId":"abc=","identity":{"cognito":null}},"body":"x"}
      """#
    guard case .message(let event) = try GatewayEvent(decoding: bytes(json)) else {
      Issue.record("not a message")
      return
    }
    #expect(text(event.body) == "x")
  }

  @Test(
    "what is no event is refused with the reason",
    arguments: [
      ("", "too early"), ("[]", "expected an object"), ("{}", "'requestContext' is missing"),
      (#"{"requestContext":{"eventType":"MESSAGE"}}"#, "'requestContext.connectionId' is missing"),
      (#"{"requestContext":{"connectionId":"a="}}"#, "'requestContext.eventType' is missing"),
      (#"{"requestContext":{"eventType":"MESSAGE","connectionId":"../x"}}"#, "connectionId"),
      (#"{"requestContext":{"eventType":"PING","connectionId":"a="}}"#, "'PING'"),
      (#"{"requestContext":{"eventType":"MESSAGE","connectionId":"a="},"body":"x","isBase64Encoded":true}"#, "base64"),
      (#"{"requestContext":{"eventType":"MESSAGE","connectionId":"a="}} x"#, "something follows"),
      (#"{"greet":"R0oXAdfD0kwCH6w="}"#, "'requestContext' is missing"),
    ])
  func refusals(json: String, mentions: String) {
    do {
      _ = try GatewayEvent(decoding: bytes(json))
      Issue.record("taken")
    } catch {
      #expect("\(error)".contains(mentions), "\(error)")
    }
  }

  @Test("every prefix of an event is refused, none ends the process", arguments: GatewayFixture.allCases)
  func prefixes(fixture: GatewayFixture) throws {
    let whole = try fixture.bytes().dropLast(1)
    for length in 0..<whole.count {
      #expect(throws: GatewayEventError.self) { _ = try GatewayEvent(decoding: Array(whole.prefix(length))) }
    }
  }

  @Test("a body in base64 is decoded", arguments: [("", ""), ("YQ==", "a"), ("YWI=", "ab"), ("YWJj", "abc")])
  func base64(encoded: String, decoded: String) throws {
    #expect(Base64.decode(encoded.utf8).map { text($0) } == decoded)
  }

  @Test(
    "base64 is written as RFC 4648 shows",
    arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")])
  func writtenBase64(text: String, encoded: String) {
    #expect(Base64.encode(bytes(text)) == encoded)
    #expect(Base64.decode(encoded.utf8) == bytes(text))
  }

  @Test(
    "what is not base64 is refused",
    arguments: ["Y", "YQ=", "Y===", "====", "YQ==YQ==", "Y!==", "=YQ=", "Zm9v!", "Zm9v====", "Zm=v"])
  func badBase64(encoded: String) { #expect(Base64.decode(encoded.utf8) == nil) }
}

/// A JSON text with the members of its objects in the order of their names, so that two can be compared.
private func canonical(_ bytes: [UInt8]) throws -> String {
  var reader = JSONReader(bytes)
  return try sorted(&reader)
}

private func sorted(_ reader: inout JSONReader) throws -> String {
  switch try reader.peek() {
  case .object:
    var members: [String] = []
    try reader.beginObject()
    while let key = try reader.nextKey() { members.append("\(key): \(try sorted(&reader))") }
    return "{\(members.sorted().joined(separator: ", "))}"
  case .array:
    var elements: [String] = []
    try reader.beginArray()
    while try reader.nextElement() { elements.append(try sorted(&reader)) }
    return "[\(elements.joined(separator: ", "))]"
  case .string: return "\"\(try reader.string())\""
  default: return text(try reader.rawValue())
  }
}
