import HTTPWire
import Synchronization
import Telemetry
import TestSupport
import Testing
import WebSocketWire

@testable import LocalGateway

@Suite("Posts that fail on purpose", .timeLimit(.minutes(10)))
struct PostFaultTests {
  func bench(_ faults: Fault..., log: Log = Log(write: { _ in })) throws -> GatewayBench {
    try GatewayBench(log: log) { $0.faults = FaultPlan(seed: 1, faults: faults) }
  }

  func waitForFault(_ bench: GatewayBench) throws {
    let faults = try #require(bench.gateway.faults)
    try bench.test.wait("for the fault") { text(faults.report).contains(#""injected":1"#) }
  }

  static let refusals: [(Fault.Kind, status: Int, type: String?)] = [
    (.gone, 410, "GoneException"), (.throttled, 429, "LimitExceededException"), (.failed, 500, nil),
  ]

  @Test("a refused post is answered as API Gateway would, nothing is delivered, the connection lives", arguments: 0..<3)
  func refused(_ place: Int) throws {
    let (kind, status, type) = Self.refusals[place]
    var fault = Fault(kind, rate: 1)
    fault.limit = 2
    let bench = try bench(fault)
    let (client, id) = try bench.connected()
    let http = try bench.http()
    for _ in 0..<2 {
      let answer = try http.request("POST", bench.path(id), body: bytes("never"))
      #expect(answer.status == status && answer.headers["x-amzn-errortype"] == type)
    }
    #expect(try http.request("POST", bench.path(id), body: bytes("then")).status == 200)
    #expect(try client.text() == "then")
    #expect(try http.request("GET", bench.path(id)).status == 200)
  }

  @Test("a failed post has the status that the plan names")
  func status() throws {
    var fault = Fault(.failed, rate: 1)
    fault.status = 503
    let bench = try bench(fault)
    let (_, id) = try bench.connected()
    #expect(try bench.http().request("POST", bench.path(id), body: bytes("x")).status == 503)
  }

  @Test("a lost post is delivered, and its connection closed without an answer")
  func lost() throws {
    var fault = Fault(.lost, rate: 1)
    fault.limit = 1
    let bench = try bench(fault)
    let (client, id) = try bench.connected()
    let http = try bench.http()
    http.send("POST", bench.path(id), body: bytes("delivered"))
    #expect(try client.text() == "delivered")
    try bench.test.wait("for the connection's end") { http.client.hasEnded }
    #expect(http.client.received.isEmpty)
    #expect(try bench.http().request("POST", bench.path(id), body: bytes("next")).status == 200)
  }

  @Test("a slow post is delivered at once and answered later; with its effect delayed others overtake it")
  func slow() throws {
    var slow = Fault(.slow, rate: 1)
    slow.milliseconds = 60
    slow.limit = 1
    var late = slow
    late.delay = .effect
    for fault in [slow, late] {
      let bench = try bench(fault)
      let (client, id) = try bench.connected()
      let first = try bench.http()
      let second = try bench.http()
      let begin = bench.test.loop.clock.monotonicMilliseconds()
      first.send("POST", bench.path(id), body: bytes("first"))
      try waitForFault(bench)
      #expect(try second.request("POST", bench.path(id), body: bytes("second")).status == 200)
      let expected = fault.delay == .effect ? ["second", "first"] : ["first", "second"]
      #expect(try [client.text(), client.text()] == expected)
      #expect(try first.answer().status == 200)
      #expect(bench.test.loop.clock.monotonicMilliseconds() - begin >= 60)
    }
  }

  @Test("a late post to a connection that has gone meanwhile is 410")
  func lateToUnknownConnection() throws {
    var fault = Fault(.slow, rate: 1)
    fault.delay = .effect
    let bench = try bench(fault)
    let (_, id) = try bench.connected()
    let post = try bench.http()
    post.send("POST", bench.path(id), body: bytes("late"))
    try waitForFault(bench)
    #expect(try bench.http().request("DELETE", bench.path(id)).status == 204)
    #expect(try post.answer().status == 410)
  }

  @Test("a throttled client does not slow the others, unless all are meant")
  func scopes() throws {
    for scope in Fault.Scope.allCases {
      var fault = Fault(.throttled, rate: 0.3)
      fault.scope = scope
      let bench = try bench(fault)
      let ids = try (0..<2).map { _ in try bench.connected().id }
      let http = try bench.http()
      var statuses: [[Int]] = [[], []]
      for _ in 0..<40 {
        for place in 0..<2 {
          statuses[place].append(try http.request("POST", bench.path(ids[place]), body: bytes("x")).status)
        }
      }
      let chance = HashedChance(seed: 1)
      for place in 0..<2 {
        let expected = (1...40).map { number in
          let share =
            scope == .all
            ? chance.share("throttled", who: "all", number: 2 * number - 1 + place)
            : chance.share("throttled", who: "c\(place + 1)", number: number)
          return share < 0.3 ? 429 : 200
        }
        #expect(statuses[place] == expected)
      }
    }
  }

  @Test("every fault is a line of the log with its kind, its connection and its number")
  func logged() throws {
    let lines = Mutex<[String]>([])
    var fault = Fault(.gone, rate: 1)
    fault.limit = 1
    let bench = try GatewayBench(log: Log(write: { line in lines.withLock { $0.append(text(line)) } })) {
      $0.faults = FaultPlan(seed: 1, faults: [fault])
    }
    let (_, id) = try bench.connected()
    for _ in 0..<2 { _ = try bench.http().request("POST", bench.path(id), body: bytes("x")) }
    let found = lines.withLock { $0.filter { $0.contains("fault injected") } }
    #expect(found.count == 1)
    #expect(found[0].contains(#""connectionId":"\#(id)","kind":"gone","who":"c1","n":1}"#))
  }

  @Test("a post that could not be delivered anyway is refused for that")
  func refusedAnyway() throws {
    let bench = try bench(Fault(.lost, rate: 1))
    let (_, id) = try bench.connected()
    let large = [UInt8](repeating: 0x78, count: 128 << 10 | 1)
    #expect(try bench.http().request("POST", bench.path(id), body: large).status == 413)
  }
}
