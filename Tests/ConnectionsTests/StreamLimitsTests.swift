import Telemetry
import TestSupport
import Testing

@testable import Connections

@Suite("limits")
struct StreamLimitsTests {
  @Test("each has a default, and is what the environment says")
  func read() throws {
    #expect(try StreamLimits(environment: Environment([:])) == StreamLimits())
    let limits = try StreamLimits(
      environment: Environment([
        "MAX_SUBSCRIPTIONS": "7", "CLIENT_FRAMES_PER_SECOND": "0", "CLIENT_FRAMES_BURST": "3",
        "FRAMES_PER_SECOND": "20", "BATCH_EVENTS": "5", "BATCH_MILLISECONDS": "250",
        "PERSONAL_EVENTS": "9", "PERSONAL_SECONDS": "60", "LOG_SECONDS": "3600", "REPLAY_EVENTS": "50",
        "EVENT_BYTES": "1024", "PING_SECONDS": "0", "STATE_KEYS": "3", "STATE_SECONDS": "86400",
        "LATEST_SECONDS": "60", "POSITIONS": "follower",
      ]))
    #expect(limits.subscriptions == 7 && limits.clientFramesPerSecond == 0 && limits.clientFramesBurst == 3)
    #expect(limits.batchEvents == 5 && limits.batchMilliseconds == 250 && limits.framesBurst == 40)
    #expect(limits.framesPerSecond == 20 && limits.personalEvents == 9 && limits.personalSeconds == 60)
    #expect(limits.logSeconds == 3_600 && limits.replayEvents == 50 && limits.eventBytes == 1_024)
    #expect(limits.pingSeconds == 0 && limits.stateKeys == 3 && limits.stateSeconds == 86_400)
    #expect(limits.latestSeconds == 60 && limits.positionsWriter == .follower)
  }

  @Test(
    "one that can be none stops the start, with the variable, what is allowed and an example",
    arguments: StreamLimits.numbers)
  func bad(name: String) {
    for value in ["-1", "many", "1e3", "99999999999"] {
      let error = #expect(throws: StreamLimitError.self) {
        _ = try StreamLimits(environment: Environment([name: value]))
      }
      #expect(error?.description.hasPrefix("\(name)=\(value) is no number from ") == true)
      #expect(error?.description.contains("for example \(name)=") == true)
    }
  }

  @Test("nobody but the application or a follower writes positions")
  func badWriter() {
    let error = #expect(throws: StreamLimitError.self) {
      _ = try StreamLimits(environment: Environment(["POSITIONS": "both"]))
    }
    #expect(
      error?.description == "POSITIONS=both is none of application, follower; for example POSITIONS=application")
  }

  @Test("they are those of the table's rows, so whichever environment a frame comes to, it is counted")
  func acrossEnvironments() throws {
    let world = World()
    var limits = StreamLimits()
    limits.subscriptions = 2
    limits.clientFramesBurst = 2
    _ = try world.connections().connect(record: world.record())
    let outcomes = try ["signal", "risk", "system"].map { name in
      try Connections(table: world.table, limits: limits, clock: world.clock.clock).change(id: world.id) { _ in
        world.change(add: [name], count: nil, message: name)
      }
    }
    guard case .changed = outcomes[0], case .changed = outcomes[1] else {
      Issue.record("\(outcomes)")
      return
    }
    #expect(outcomes[2] == .tooManySubscriptions(3))
    limits.subscriptions = 3
    let tooFast = try Connections(table: world.table, limits: limits, clock: world.clock.clock).change(id: world.id) {
      _ in
      world.change(add: ["system"], count: nil, message: "z")
    }
    #expect(tooFast == .tooFast)
  }
}
