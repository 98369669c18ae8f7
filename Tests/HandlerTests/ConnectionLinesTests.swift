import Connections
import Messaging
import TestSupport
import Testing

@Suite("the lines of one connection")
struct ConnectionLinesTests {
  private static let header = "x-correlation-id"

  @Test(
    "what a client names its connection by stands in every line of it, from $connect to $disconnect",
    arguments: ["order-desk.7", "5f0c7a1e-1234-4abc-9def-001122334455", "01701234-5678-9012-3456-789012345678"])
  func taken(name: String) throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("role", "analyst")], headers: [(Self.header, name)])
    _ = try stage.say(#"{"type":"hello","n":1,"eventTypes":["signal"]}"#)
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["signal"]}"#)
    _ = try stage.say(#"{"type":"unsubscribe","eventTypes":["signal"]}"#)
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["risk"]}"#)
    _ = try stage.say("no frame")
    _ = try stage.disconnect(code: 1005, reason: "Client-side close frame status not set")
    for message in [
      "connected", "subscribed", "hello answered", "unsubscribed", "frame refused", "disconnected",
    ] {
      #expect(!stage.lines(saying: message).isEmpty, "\(message)")
    }
    for line in stage.lines.all { #expect(line.contains(#""correlationId":"\#(name)""#), "\(line)") }
  }

  @Test("without a name one is made, each time another, and it is the same in all lines of the connection")
  func made() throws {
    let stage = Stage()
    let other = try #require(ConnectionID("other="))
    _ = try stage.connect()
    _ = try stage.connect(id: other)
    _ = try stage.disconnect()
    let names = stage.lines.all.map { $0.split(separator: #""correlationId":""#).last?.prefix { $0 != "\"" } ?? "" }
    try #require(names.count == 3)
    #expect(names[0] == names[2] && names[0] != names[1])
    let status = try stage.say(#"{"type":"status"}"#, id: other)
    #expect(status?.contains("\"correlationId\":\"\(names[1])\"") == true, "a client may ask for it")
    #expect(names.allSatisfy { CorrelationID(String($0))?.isMachineMade == true })
  }

  @Test(
    "a name that may not be taken is replaced, not cut: an empty one, a long one, one with a space or a line end",
    arguments: ["", String(repeating: "x", count: 129), "a b", "a\nb", "a\u{7F}", "é"])
  func refused(name: String) throws {
    let stage = Stage()
    _ = try stage.connect(headers: [(Self.header, name)])
    let record = try #require(try stage.connections.connection(id: stage.id))
    #expect(record.correlationID?.isMachineMade == true)
    #expect(try stage.connections.connection(id: stage.id)?.correlationID == record.correlationID)
  }

  @Test("the longest name is taken whole, and one that may be somebody's address or number is masked in the lines")
  func masked() throws {
    let longest = String(repeating: "x", count: 128)
    let stage = Stage()
    _ = try stage.connect(headers: [(Self.header, longest)])
    #expect(stage.lines.all[0].contains(longest))
    for (name, shown) in [("anna@example.com", "[email]"), ("+491701234567", "[phone]"), (#"a"b\c"#, #"a\"b\\c"#)] {
      let stage = Stage()
      _ = try stage.connect(headers: [(Self.header, name)])
      #expect(stage.lines.all[0].contains(#""correlationId":"\#(shown)""#), "\(stage.lines.all)")
    }
  }

  @Test("a refusal bears it as well")
  func refusal() throws {
    let stage = Stage()
    _ = try stage.connect(headers: [(Self.header, "c-1")], access: [:])
    #expect(stage.lines(saying: "connection refused").contains { $0.contains(#""correlationId":"c-1""#) })
  }

  @Test(
    "each disconnect is a line with its reason and how long the connection stood",
    arguments: [
      (1005, "Client-side close frame status not set", 90, "client"), (1000, "", 90, "client"),
      (1001, "", 90, "client"),
      (1001, "Going away", 610, "idle"), (1001, "Going away", 7_200, "lifetime"), (1006, "", 90, "lost"),
      (1009, "too big", 90, "protocol"), (1003, "", 90, "protocol"), (1011, "", 90, "error"),
      (4_001, "bye", 90, "client"),
      (nil, nil, 90, "unknown"),
    ] as [(Int?, String?, Int64, String)])
  func disconnect(code: Int?, detail: String?, seconds: Int64, reason: String) throws {
    let stage = Stage()
    stage.writesMetrics = true
    _ = try stage.connect([("userId", "u-1")])
    stage.clock.advance(seconds: seconds)
    _ = try stage.disconnect(code: code, reason: detail)
    let line = try #require(stage.lines(saying: "disconnected").first)
    #expect(
      line.contains(#""level":"INFO""#) && line.contains(#""user":"u-1","reason":"\#(reason)","code":\#(code ?? 0)"#))
    #expect(line.contains(#""seconds":\#(seconds)}"#))
    #expect(stage.lines.all.contains { $0.contains(#""Reason":"\#(reason)","Disconnects":[1.0]"#) })
  }

  @Test("one connection ends once: what comes again, or was never connected, is no line and is not counted")
  func once() throws {
    let stage = Stage()
    stage.writesMetrics = true
    _ = try stage.disconnect(id: ConnectionID("never="), code: 1000)
    _ = try stage.connect()
    _ = try stage.disconnect(code: 1000)
    _ = try stage.disconnect(code: 1000)
    #expect(stage.lines(saying: "disconnected").count == 1)
    #expect(stage.lines.all.filter { $0.contains("Disconnects") }.count == 1)
  }

  @Test("one whose credential had ended was told to go for that, whatever code its close came with")
  func expired() throws {
    let stage = Stage()
    let now = stage.clock.seconds * 1_000
    let record = ConnectionRecord(
      id: stage.id, principal: Principal(user: "u-1", role: .viewer), connectedAtMilliseconds: now,
      untilMilliseconds: now + 60_000)
    _ = try stage.connections.connect(record: record)
    stage.clock.advance(seconds: 61)
    _ = try stage.disconnect(code: 1000)
    #expect(stage.lines(saying: "disconnected").first?.contains(#""reason":"expired","code":1000"#) == true)
  }

  @Test("a reason that the client chose is masked, and cannot end its line")
  func hostileReason() throws {
    let stage = Stage()
    _ = try stage.connect()
    _ = try stage.disconnect(code: 4_000, reason: "anna@example.com\n{\"level\":\"ERROR\"}")
    let line = try #require(stage.lines(saying: "disconnected").first)
    #expect(line.contains(#""detail":"[email]\n{\"level\":\"ERROR\"}""#) && line.filter { $0 == "\n" }.count == 1)
  }

  @Test("a connection that had to go for a newer one, and one that was found gone, are disconnects of their reasons")
  func limit() throws {
    let stage = Stage()
    stage.writesMetrics = true
    let access = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "1"]
    for number in 0..<2 {
      _ = try stage.connect([("userId", "u-1")], access: access, id: ConnectionID("C\(number)="))
      stage.clock.advance(seconds: 60)
    }
    let line = try #require(stage.lines(saying: "disconnected").first)
    #expect(line.contains(#""connectionId":"C0=""#) && line.contains(#""reason":"limit""#))
    stage.ear.gone = ["C1="]
    _ = try stage.connect([("userId", "u-1")], access: access, id: ConnectionID("C2="))
    let other = try #require(stage.lines(saying: "disconnected").last)
    #expect(other.contains(#""connectionId":"C1=""#) && other.contains(#""reason":"gone""#))
    for reason in ["limit", "gone"] {
      #expect(
        stage.lines.all.contains { $0.contains(#""Reason":"\#(reason)""#) && $0.contains(#""Disconnects":[1.0]"#) })
    }
  }
}

@Suite("what $connect counts")
struct ConnectMetricsTests {
  @Test("a connect and a refusal by its status are counted, and neither as 0 where it was the other")
  func counted() throws {
    let stage = Stage()
    stage.writesMetrics = true
    _ = try stage.connect()
    _ = try stage.connect(access: [:])
    _ = try stage.connect([("dialect", "klingon")])
    let written = stage.lines.all.filter { $0.contains("_aws") }
    try #require(written.count == 3)
    #expect(written[0].contains(#""Connects":[1.0]"#) && !written[0].contains("Refusals"))
    #expect(written[1].contains(#""Status":"401","Refusals":[1.0]"#) && !written[1].contains("Connects"))
    #expect(written[2].contains(#""Status":"400","Refusals":[1.0]"#))
    #expect(
      written.allSatisfy { $0.contains(#""FunctionName":"ConnectHandler""#) && $0.contains(#""cpuMilliseconds""#) })
  }
}
