import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import LocalGateway

@Suite("Functions on a schedule", .timeLimit(.minutes(10)))
struct FunctionScheduleTests {
  func lines(
    _ command: String, until condition: ([String], [String]) -> Bool
  ) throws -> (function: [String], gateway: [String]) {
    let stage = try FunctionStage()
    let written = Mutex<[String]>([])
    let log = Log(minimum: .debug, write: { line in written.withLock { $0.append(text(line)) } })
    let schedule = FunctionSchedule("f", payload: bytes(#""\#(command)""#), everyMilliseconds: 20)
    let invocations = ScheduledInvocations(schedule, stage.host, log: log)
    invocations.start()
    try stage.wait("invocations") { condition(stage.lines, written.withLock { $0 }) }
    try stage.stop()
    return (stage.lines, written.withLock { $0 })
  }

  @Test("it is invoked again and again with its payload")
  func again() throws {
    let found = try lines("print") { function, _ in function.count { $0 == "second line" } >= 3 }
    // A busy machine may not be done with one turn when the next comes.
    #expect(found.gateway.allSatisfy { $0.contains("is still running") })
  }

  @Test("an error is a line at debug, and the next invocation comes all the same")
  func errors() throws {
    let failed = #""level":"DEBUG","message":"scheduled invocation failed","function":"f""#
    let found = try lines("error") { _, gateway in gateway.count { $0.contains(failed) } >= 3 }
    // A busy machine may not be done with one turn when the next comes.
    #expect(found.gateway.allSatisfy { $0.contains(failed) || $0.contains("is still running") })
  }

  @Test("a function that has not ended is not invoked on top of it")
  func slow() throws {
    let found = try lines("hang") { _, gateway in gateway.count >= 3 }
    #expect(found.function.count { $0.hasPrefix("hangs as") } == 1)
    #expect(found.gateway.allSatisfy { $0.contains("is still running") })
  }
}
