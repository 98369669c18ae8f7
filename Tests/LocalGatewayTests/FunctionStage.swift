import Glibc
import JSON
import Telemetry
import Testing

@testable import LocalGateway

/// A host with one or more functions and the loop they run on. Tests turn the loop until what they wait for has come.
final class FunctionStage {
  let loop: EventLoop
  private(set) var lines: [String] = []
  private var made: FunctionHost?
  var host: FunctionHost { made! }

  /// Functions named `f`, unless said otherwise, of the test bootstrap with that `MODE`.
  init(
    _ modes: [String: String] = ["f": ""], settings: FunctionSettings = FunctionSettings(),
    faults: Faults? = nil, _ change: (inout FunctionConfiguration) -> Void = { _ in }
  ) throws {
    loop = try EventLoop()
    let functions = modes.map { name, mode in
      var function = FunctionConfiguration(name: name, executable: Self.bootstrap)
      function.environment = ["MODE": mode]
      change(&function)
      return function
    }
    made = FunctionHost(functions: functions, settings: settings, loop: loop, faults: faults) {
      [unowned self] line in
      lines.append(String(decoding: line.text, as: UTF8.self))
    }
  }

  /// Built beside the program that runs the tests.
  static let bootstrap: String = {
    var path = [UInt8](repeating: 0, count: 4096)
    let count = path.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
    let executable = String(decoding: path[..<max(0, count)], as: UTF8.self)
    return executable.prefix(through: executable.lastIndex(of: "/") ?? executable.startIndex) + "TestBootstrap"
  }()

  /// Turns the loop until `condition` holds; a minute is far more than anything here takes.
  func wait(_ what: String, until condition: () -> Bool) throws {
    let end = loop.clock.monotonicMilliseconds() + 60_000
    while !condition() {
      try #require(loop.clock.monotonicMilliseconds() < end, "waited in vain for \(what); log: \(lines)")
      loop.turn(waitingAtMostMilliseconds: 100)
    }
  }

  /// A process that has answered takes the next invocation only once it has asked for it.
  func waitUntilIdle(_ name: String = "f") throws {
    try wait("an idle process") {
      host.runners[name]?.pool.environments.values.contains { phase in
        if case .serving(let slots) = phase { slots.isIdle } else { false }
      } ?? false
    }
  }

  /// Invokes and waits for the outcome.
  func invoke(_ command: String, of name: String = "f", timeoutMilliseconds: Int64 = 60_000) throws -> InvocationOutcome
  {
    var outcome: InvocationOutcome?
    host.invoke(name, payload: Array("\"\(command)\"".utf8), timeoutMilliseconds: timeoutMilliseconds) {
      outcome = $0
    }
    #expect(outcome == nil, "the caller is never told from inside its call")
    try wait("the outcome of \(command)") { outcome != nil }
    return try #require(outcome)
  }

  func response(_ command: String, of name: String = "f") throws -> String {
    let outcome = try invoke(command, of: name)
    guard case .response(let body) = outcome else {
      Issue.record("\(command) ended with \(outcome)")
      return ""
    }
    return String(decoding: body, as: UTF8.self)
  }

  /// Type and message of the error that the invocation ends with.
  func failure(_ command: String, of name: String = "f") throws -> (type: String, message: String) {
    let outcome = try invoke(command, of: name)
    guard case .functionError(let document, let type) = outcome else {
      Issue.record("\(command) ended with \(outcome)")
      return ("", "")
    }
    return (type, try Self.members(document)["errorMessage"] ?? "")
  }

  static func members(_ document: [UInt8]) throws -> [String: String] {
    var reader = JSONReader(document)
    var members: [String: String] = [:]
    try reader.beginObject()
    while let key = try reader.nextKey() { members[key] = try reader.string() }
    return members
  }

  /// Ends everything, as every test does at its end.
  func stop() throws {
    var isStopped = false
    host.stop { isStopped = true }
    try wait("the end of all processes") { isStopped }
  }

  /// Whether a process of that number runs, zombies not counted.
  static func isRunning(_ pid: pid_t) -> Bool {
    guard let file = fopen("/proc/\(pid)/stat", "r") else { return false }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = fread(&bytes, 1, bytes.count, file)
    let afterName = bytes[..<count].split(separator: UInt8(ascii: ")")).last?.dropFirst().first
    return afterName != nil && afterName != UInt8(ascii: "Z")
  }
}
