import Glibc
import HTTPWire
import JSON
import Telemetry
import TestSupport
import Testing

@testable import LocalGateway

@Suite("Functions that are struck on purpose", .timeLimit(.minutes(10)))
struct ProcessFaultTests {
  func faults(_ list: Fault...) throws -> Faults {
    Faults(FaultPlan(seed: 1, faults: list), clock: .system, log: Log(write: { _ in }))
  }

  func fault(_ kind: Fault.Kind, _ change: (inout Fault) -> Void) -> Fault {
    var fault = Fault(kind, rate: 1)
    change(&fault)
    return fault
  }

  @Test("a killed process ends its invocation as Lambda ends it, and the next has another process")
  func killed() throws {
    let faults = try faults(fault(.killed) { $0.limit = 1 })
    let stage = try FunctionStage(faults: faults)
    let failure = try stage.failure("hang")
    #expect(failure.type == "Runtime.ExitError" && failure.message.contains("signal: killed"))
    #expect(try stage.response("anything") == #""anything""#)
    #expect(text(faults.report).contains(#""injected":1"#))
    try stage.stop()
  }

  @Test("an invocation that is answered before its moment is not struck, nor one of another function")
  func spared() throws {
    let faults = try faults(
      fault(.killed) { $0.function = "g" }, fault(.stopped) { $0.within = 600_000 })
    let stage = try FunctionStage(faults: faults)
    for _ in 0..<5 { #expect(try stage.response("anything") == #""anything""#) }
    #expect(text(faults.report).contains(#""kind":"killed","rate":1.0,"occasions":0,"chosen":0,"injected":0"#))
    #expect(!text(faults.report).contains(#""injected":1"#))
    try stage.stop()
  }

  @Test("the moment of an invocation that was answered strikes nobody")
  func missed() throws {
    // A moment far behind any answer, by a seed that is looked for.
    let seed = try #require(
      (1...1000).first {
        (900...1000).contains(HashedChance(seed: $0).integer(through: 1000, kind: "killed@", who: "f", number: 1))
      })
    let faults = Faults(
      FaultPlan(seed: seed, faults: [fault(.killed) { $0.within = 1000 }]), clock: .system, log: Log(write: { _ in }))
    let stage = try FunctionStage(faults: faults)
    #expect(try stage.response("anything") == #""anything""#)
    var isOver = false
    stage.loop.schedule(afterMilliseconds: 1001) { isOver = true }
    try stage.wait("the moment") { isOver }
    #expect(text(faults.report).contains(#""occasions":1,"chosen":1,"injected":0"#))
    try stage.stop()
  }

  @Test("a stopped process goes on after its time")
  func stopped() throws {
    let faults = try faults(
      fault(.stopped) {
        $0.milliseconds = 1000
        $0.limit = 1
      })
    // A function out of time would be killed, and stand still no more either.
    let stage = try FunctionStage(faults: faults) { $0.timeoutSeconds = 900 }
    stage.host.invoke("f", payload: bytes(#""hang""#), timeoutMilliseconds: 60_000) { _ in }
    try stage.wait("the stop") { Self.hasStoppedChild }
    #expect(text(faults.report).contains(#""injected":1"#))
    try stage.wait("the end of it") { !Self.hasStoppedChild }
    #expect(stage.lines.contains { $0.hasPrefix("hangs as ") })
    try stage.stop()
  }

  /// Whether a process that this one started stands still; no other test stops one.
  private static var hasStoppedChild: Bool {
    guard let folder = opendir("/proc") else { return false }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard let number = pid_t(name), let file = fopen("/proc/\(number)/stat", "r") else { continue }
      defer { fclose(file) }
      var bytes = [UInt8](repeating: 0, count: 512)
      let count = fread(&bytes, 1, bytes.count, file)
      let fields = text(bytes[..<count]).split(separator: ")").last?.split(separator: " ") ?? []
      if fields.count > 1, fields[0] == "T", fields[1] == "\(getpid())" { return true }
    }
    return false
  }

  @Test("each process is told of its table's faults under a name of its own")
  func table() throws {
    let faults = try faults(
      fault(.tableThrottled) {
        $0.outcome = .unknown
        $0.until = 5000
      })
    let stage = try FunctionStage(faults: faults)
    let told = try stage.response("table-faults")
    #expect(
      told
        == #"{"seed":1,"who":"f/1","rate":1.0,"outcome":"unknown","start":\#(faults.startMilliseconds),"until":5000}"#)
    try stage.stop()
  }

  @Test("a function's line about its table's fault is counted")
  func counted() throws {
    let faults = try faults(fault(.tableThrottled) { _ in })
    let stage = try FunctionStage(faults: faults)
    #expect(try stage.response("print") == #""done""#)
    #expect(text(faults.report).contains(#""injected":0"#))
    #expect(try stage.response("print-table-fault") == #""done""#)
    try stage.wait("the line") { text(faults.report).contains(#""injected":1"#) }
    try stage.stop()
  }

  @Test("an asynchronous invocation comes twice, one that is waited for once")
  func duplicatedInvokes() throws {
    let stage = try InvokeStage(faults: faults(fault(.duplicated) { $0.target = .invokes }))
    #expect(try stage.invoke(#""print""#).status == 200)
    #expect(try stage.invoke(#""print""#, headers: [("X-Amz-Invocation-Type", "Event")]).status == 202)
    try stage.functions.wait("three") { stage.functions.lines.count { $0 == "second line" } == 3 }
    try stage.stop()
  }

  @Test("invocations through the API are refused, lost after their effect, or slow")
  func invokes() throws {
    let failing = fault(.failed) {
      $0.target = .invokes
      $0.limit = 1
    }
    let stage = try InvokeStage(faults: faults(failing, fault(.lost) { $0.limit = 1 }))
    let refused = try stage.invoke(#""pid""#)
    #expect(refused.status == 500 && refused.headers["x-amzn-errortype"] == "ServiceException")
    #expect(try stage.isLost(#""print""#))
    #expect(stage.functions.lines.contains("first line"))
    #expect(try stage.invoke("17").body == "17")
    try stage.stop()
  }
}
