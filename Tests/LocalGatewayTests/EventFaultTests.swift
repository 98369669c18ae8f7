import HTTPWire
import TestSupport
import Testing
import WebSocketWire

@testable import LocalGateway

@Suite("Route events that go astray on purpose", .timeLimit(.minutes(10)))
struct EventFaultTests {
  func bench(_ faults: Fault...) throws -> GatewayBench {
    let bench = try GatewayBench { $0.faults = FaultPlan(seed: 1, faults: faults) }
    bench.functions.answers["Default"] = { _ in .json(#"{"statusCode":200,"body":"answered"}"#) }
    return bench
  }

  @Test("a duplicated event reaches its function twice, byte for byte, and is answered once")
  func duplicated() throws {
    let bench = try bench(Fault(.duplicated, rate: 1))
    let (client, _) = try bench.connected()
    client.send(text: "hello")
    #expect(try client.text() == "answered")
    #expect(client.isSilent())
    for function in ["Connect", "Default"] {
      let events = bench.functions.calls(of: function).map(\.event)
      #expect(events.count == 2 && events[0] == events[1])
    }
    client.close(code: 1000)
    _ = try bench.call(1, of: "Disconnect")
  }

  @Test("the second of the two comes so much later as the plan says")
  func duplicatedLater() throws {
    var fault = Fault(.duplicated, rate: 1)
    fault.milliseconds = 40
    let bench = try bench(fault)
    let (client, _) = try bench.connected()
    _ = try bench.call(1, of: "Connect")
    client.send(text: "hello")
    #expect(try client.text() == "answered")
    #expect(bench.functions.calls(of: "Default").count == 1)
    _ = try bench.call(1, of: "Default")
  }

  @Test("a reordered event comes after the next one of its connection, each answered; connections do not mix")
  func reordered() throws {
    var fault = Fault(.reordered, rate: 1)
    fault.milliseconds = 600_000
    let bench = try bench(fault)
    let (client, _) = try bench.connected()
    let (other, _) = try bench.connected()
    client.send(text: "one")
    other.send(text: "alone")
    bench.test.settle()
    #expect(bench.functions.calls(of: "Default").isEmpty)
    for text in ["two", "three", "four"] { client.send(text: text) }
    for _ in 0..<4 { #expect(try client.text() == "answered") }
    let bodies = bench.functions.calls(of: "Default").map { call in
      ["one", "two", "three", "four", "alone"].first { call.event.contains(#""body":"\#($0)""#) }
    }
    #expect(bodies == ["two", "one", "four", "three"])
  }

  @Test("an event that none overtakes comes when its time has passed")
  func reorderedAlone() throws {
    let bench = try bench(Fault(.reordered, rate: 1))
    let (client, _) = try bench.connected()
    client.send(text: "one")
    #expect(try client.text() == "answered")
  }

  @Test("a message may be overtaken by its connection's end")
  func overtakenByEnd() throws {
    var fault = Fault(.reordered, rate: 1)
    fault.milliseconds = 600_000
    let bench = try bench(fault)
    let (client, _) = try bench.connected()
    client.send(text: "late")
    client.close(code: 1000)
    _ = try bench.call(0, of: "Default")
    #expect(bench.functions.calls.map(\.function) == ["Connect", "Disconnect", "Default"])
  }

  @Test("a lost $disconnect is never invoked, and the connection is gone all the same")
  func lostDisconnect() throws {
    let bench = try bench(Fault(.lostDisconnect, rate: 1))
    let (client, id) = try bench.connected()
    client.close(code: 1000)
    try bench.test.wait("for the end") { bench.gateway.connections.isEmpty }
    bench.test.settle()
    #expect(bench.functions.calls(of: "Disconnect").isEmpty)
    #expect(try bench.http().request("POST", bench.path(id), body: bytes("x")).status == 410)
  }

  @Test("stopping waits for events that are held or come again")
  func counted() throws {
    let bench = try bench(Fault(.reordered, rate: 1))
    let (client, _) = try bench.connected()
    client.send(text: "one")
    try bench.test.wait("for the event to be held") { bench.gateway.invocations.pendingCount == 1 }
    #expect(bench.functions.calls(of: "Default").isEmpty)
    #expect(try client.text() == "answered")
    try bench.test.wait("for the end of it") { bench.gateway.invocations.pendingCount == 0 }
  }
}
