import Telemetry
import TestSupport
import Testing

@testable import LocalGateway

@Suite("A fault plan")
struct FaultPlanTests {
  @Test("every kind is read with its members, and with what it is by default")
  func kinds() throws {
    let plan = try FaultPlan(
      json: bytes(
        #"""
        {"seed": -7, "faults": [
          {"kind": "gone", "rate": 0.01, "from": 1000, "until": 2000, "limit": 3},
          {"kind": "throttled", "rate": 1, "scope": "all", "milliseconds": 250},
          {"kind": "failed", "rate": 0, "status": 503, "on": "invokes"},
          {"kind": "slow", "rate": 0.5, "delays": "effect"},
          {"kind": "lost", "rate": 1e-3},
          {"kind": "duplicated", "rate": 0.1}, {"kind": "reordered", "rate": 0.1},
          {"kind": "lost-disconnect", "rate": 0.1},
          {"kind": "killed", "rate": 0.1, "within": 5, "function": "Publisher"}, {"kind": "stopped", "rate": 0.1},
          {"kind": "table-throttled", "rate": 0.1, "outcome": "unknown"},
          {"kind": "first-chunk-held", "rate": 0.1, "bytes": 100}, {"kind": "chunk-late", "rate": 0.1},
          {"kind": "chunks-held", "rate": 0.1, "function": "S"}, {"kind": "empty-body-held", "rate": 0.1},
          {"kind": "stream-cut", "rate": 0.1}]}
        """#))
    #expect(plan.seed == -7)
    #expect(plan.faults.map(\.kind) == Fault.Kind.allCases)
    let faults = plan.faults
    #expect(faults[0].rate == 0.01 && faults[0].from == 1000 && faults[0].until == 2000 && faults[0].limit == 3)
    #expect(faults[1].scope == .all && faults[1].milliseconds == 250)
    #expect(faults[2].status == 503 && faults[2].target == .invokes)
    #expect(faults[3].delay == .effect && faults[3].milliseconds == 100 && faults[3].target == .posts)
    #expect(faults[4].target == .all && faults[4].rate == 0.001)
    #expect(faults[8].within == 5 && faults[8].function == "Publisher")
    #expect(faults[9].milliseconds == 500 && faults[9].within == 20)
    #expect(plan.tableFault?.outcome == .unknown)
    #expect(faults[11].bytes == 100 && faults[12].bytes == 16_384 && faults[13].function == "S")
    #expect(faults[14].milliseconds == 960_000 && faults[15].within == 1000)
  }

  @Test("a bad plan is refused with the member's name and what is allowed", arguments: refusals)
  func refused(_ refusal: Refusal) {
    #expect(throws: FaultPlanError(refusal.message)) { try FaultPlan(json: bytes(refusal.json)) }
  }

  struct Refusal: CustomTestStringConvertible, Sendable {
    let json: String
    let message: String
    var testDescription: String { json }
  }

  static func fault(_ members: String, _ message: String) -> Refusal {
    Refusal(json: #"{"seed":1,"faults":[{"kind":"gone","rate":1},{\#(members)}]}"#, message: message)
  }

  static let refusals = [
    Refusal(
      json: #"{"faults":[]}"#, message: "the plan: 'seed' is missing; it is a whole number"),
    Refusal(json: #"{"seed":1}"#, message: "the plan: 'faults' is missing; it is an array of faults"),
    Refusal(json: #"{"seed":1,"faults":{}}"#, message: "the plan: 'faults' is an array, not {}"),
    Refusal(json: #"{"seed":1.5,"faults":[]}"#, message: "the plan: 'seed' is a whole number, not 1.5"),
    Refusal(
      json: #"{"seed":1,"falts":[]}"#, message: "the plan: 'falts' is no member of it; allowed are seed, faults"),
    Refusal(json: #"{"seed":1,"seed":1}"#, message: "the plan: 'seed' stands there twice"),
    Refusal(json: "[]", message: "the plan is no JSON object: expected an object, found an array at byte 0"),
    fault(
      #""kind":"dead""#,
      "fault 2: 'kind' is one of gone, throttled, failed, slow, lost, duplicated, reordered, lost-disconnect, killed, "
        + "stopped, table-throttled, first-chunk-held, chunk-late, chunks-held, empty-body-held, stream-cut, "
        + "not 'dead'"),
    fault(#""kind":"gone""#, "fault 2 (gone): 'rate' is missing; it is a number from 0 to 1"),
    fault(#""kind":"gone","rate":1.1"#, "fault 2 (gone): 'rate' is a number from 0 to 1, not 1.1"),
    fault(#""kind":"gone","rate":"1""#, "fault 2 (gone): 'rate' is a number from 0 to 1, not \"1\""),
    fault(
      #""kind":"gone","rate":1,"status":500"#,
      "fault 2 (gone): 'status' is no member of it; allowed are kind, rate, from, until, limit"),
    fault(
      #""kind":"failed","rate":1,"status":404"#,
      "fault 2 (failed): 'status' is a whole number from 500 to 599, not 404"),
    fault(
      #""kind":"throttled","rate":1,"scope":"some""#,
      "fault 2 (throttled): 'scope' is one of connection, all, not 'some'"),
    fault(
      #""kind":"duplicated","rate":1,"on":"posts""#,
      "fault 2 (duplicated): 'on' is one of routes, invokes, all, not 'posts'"),
    fault(#""kind":"gone","rate":1,"from":5,"until":5"#, "fault 2 (gone): 'until' is not after 'from'"),
    fault(
      #""kind":"gone","rate":1,"limit":0"#,
      "fault 2 (gone): 'limit' is a whole number from 1 to 9223372036854775807, not 0"),
    Refusal(
      json: #"{"seed":1,"faults":[{"kind":"table-throttled","rate":1},{"kind":"table-throttled","rate":1}]}"#,
      message: "table-throttled may stand in the plan once only"),
  ]
}

@Suite("Decisions about faults")
struct FaultsTests {
  let time = SettableClock()

  func faults(_ list: Fault..., seed: Int64 = 1) -> Faults {
    Faults(FaultPlan(seed: seed, faults: list), clock: time.clock, log: Log(write: { _ in }))
  }

  func decisions(_ faults: Faults, _ who: String, of count: Int = 500) -> [Bool] {
    (0..<count).map { _ in faults.decide(.gone, who: who) != nil }
  }

  @Test("the same seed decides alike for each, in whatever order they come; another seed does not")
  func pure() {
    let first = faults(Fault(.gone, rate: 0.2))
    let alone = (decisions(first, "c1"), decisions(first, "c2"))
    let second = faults(Fault(.gone, rate: 0.2))
    var mixed: ([Bool], [Bool]) = ([], [])
    for _ in 0..<500 {
      mixed.1.append(second.decide(.gone, who: "c2") != nil)
      mixed.0.append(second.decide(.gone, who: "c1") != nil)
    }
    #expect(alone.0 == mixed.0 && alone.1 == mixed.1)
    #expect(alone.0 != alone.1)
    #expect(decisions(faults(Fault(.gone, rate: 0.2), seed: 2), "c1") != alone.0)
    #expect((60...140).contains(alone.0.count { $0 }))
  }

  @Test("two faults of a kind decide independently, and a rate of 0 is never, of 1 always")
  func several() {
    let both = faults(Fault(.gone, rate: 0.2), Fault(.gone, rate: 0.2))
    #expect(decisions(both, "c1").count { $0 } > decisions(faults(Fault(.gone, rate: 0.2)), "c1").count { $0 })
    #expect(!decisions(faults(Fault(.gone, rate: 0)), "c1").contains(true))
    #expect(!decisions(faults(Fault(.gone, rate: 1)), "c1").contains(false))
  }

  @Test("nothing happens before 'from', from 'until' on, or beyond 'limit'")
  func bounds() throws {
    var fault = Fault(.gone, rate: 1)
    fault.from = 100
    fault.until = 200
    fault.limit = 2
    let faults = faults(fault)
    #expect(faults.decide(.gone, who: "c1") == nil)
    time.advance(milliseconds: 100)
    for _ in 0..<2 { #expect(faults.inject(try #require(faults.decide(.gone, who: "c1")))) }
    #expect(faults.decide(.gone, who: "c1") == nil)
    let unlimited = self.faults(fault)
    time.advance(milliseconds: 99)
    #expect(unlimited.decide(.gone, who: "c1") == nil)
    time.advance(milliseconds: 1)
    let pending = try #require(unlimited.decide(.gone, who: "c1"))
    _ = unlimited.decide(.gone, who: "c1").map { unlimited.inject($0) }
    _ = unlimited.decide(.gone, who: "c1").map { unlimited.inject($0) }
    // Decided while there was room, and done when there is none.
    #expect(!unlimited.inject(pending))
    fault.limit = .max
    let bounded = self.faults(fault)
    time.advance(milliseconds: 199)
    #expect(bounded.decide(.gone, who: "c1") != nil)
    time.advance(milliseconds: 1)
    #expect(bounded.decide(.gone, who: "c1") == nil)
  }

  @Test("a burst throttles everybody for its time")
  func burst() throws {
    var fault = Fault(.throttled, rate: 0.05)
    fault.scope = .all
    fault.milliseconds = 100
    let faults = faults(fault)
    var tries = 0
    while faults.decide(.throttled, who: "c\(tries)") == nil { tries += 1 }
    for _ in 0..<50 { #expect(faults.decide(.throttled, who: "c1")?.who == "all") }
    time.advance(milliseconds: 100_000)
    #expect((0..<10).contains { _ in faults.decide(.throttled, who: "c1") == nil })
  }

  @Test("the report counts occasions, decisions and what was done")
  func report() {
    let faults = faults(Fault(.gone, rate: 1), Fault(.tableThrottled, rate: 0.5))
    for _ in 0..<3 { _ = faults.decide(.gone, who: "c1") }
    _ = faults.decide(.gone, who: "c2").map { faults.inject($0) }
    faults.countTableFault()
    time.advance(milliseconds: 1500)
    #expect(
      text(faults.report)
        == #"{"seed":1,"milliseconds":1500,"faults":[{"kind":"gone","rate":1.0,"occasions":4,"chosen":4,"injected":1},"#
        + #"{"kind":"table-throttled","rate":0.5,"injected":1}]}"#)
  }
}
