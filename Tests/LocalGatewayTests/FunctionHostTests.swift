import Glibc
import Testing

@testable import LocalGateway

@Suite("Functions as processes", .timeLimit(.minutes(10)))
struct FunctionHostTests {
  @Test("an invocation is answered with what the function posted, byte for byte")
  func echo() throws {
    let stage = try FunctionStage()
    #expect(try stage.response("a price of 152.50") == #""a price of 152.50""#)
    try stage.stop()
  }

  @Test("a second invocation runs in the process of the first")
  func reuse() throws {
    let stage = try FunctionStage()
    let first = try stage.response("pid")
    try stage.waitUntilIdle()
    #expect(try stage.response("pid") == first)
    try stage.stop()
    #expect(!FunctionStage.isRunning(pid_t(first) ?? 0))
  }

  @Test("invocations at the same time run in processes of their own, up to the cap, and all are answered")
  func parallel() throws {
    let stage = try FunctionStage { $0.maximumEnvironments = 3 }
    var answers: [String] = []
    for number in 1...50 {
      stage.host.invoke("f", payload: Array("\(number)".utf8), timeoutMilliseconds: 60_000) { outcome in
        if case .response(let body) = outcome { answers.append(String(decoding: body, as: UTF8.self)) }
      }
    }
    try stage.wait("50 answers") { answers.count == 50 }
    #expect(Set(answers) == Set((1...50).map(String.init)))
    let initial = stage.lines.filter { $0.contains("Init Duration") }
    #expect((1...3).contains(initial.count))
    try stage.stop()
  }

  @Test("a function that is not known is said to be so")
  func unknown() throws {
    let stage = try FunctionStage()
    guard case .unknownFunction = try stage.invoke("x", of: "nobody") else {
      Issue.record("it was found")
      return
    }
    #expect(stage.host.hasFunction("f") && !stage.host.hasFunction("nobody"))
  }

  // MARK: Surroundings

  @Test("a function sees Lambda's variables, its own, and none of the gateway's")
  func variables() throws {
    let stage = try FunctionStage { function in
      function.environment["GREETING"] = "hello"
      function.environment["AWS_LAMBDA_FUNCTION_NAME"] = "reserved"
      function.memoryMegabytes = 256
    }
    let lines = Set(try stage.response("variables").dropFirst().dropLast().split(separator: "\\n").map(String.init))
    for line in [
      "GREETING=hello", "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "TZ=:UTC",
      "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_REGION=us-east-1",
      "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/f", "_HANDLER=bootstrap",
    ] { #expect(lines.contains(line), "\(line)") }
    let names = Set(lines.compactMap { $0.split(separator: "=").first.map(String.init) })
    for name in [
      "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_TASK_ROOT", "AWS_SESSION_TOKEN", "PATH",
    ] { #expect(names.contains(name)) }
    #expect(!names.contains("PWD") && !names.contains("SHELL"))
    try stage.stop()
  }

  @Test("the call for an invocation is answered with its id, deadline, ARN, trace and delivery")
  func headers() throws {
    let stage = try FunctionStage()
    var context = Invocation.Context()
    context.clientContext = #"{"custom":{}}"#
    context.qualifier = "live"
    var text: String?
    stage.host.invoke("f", payload: Array(#""headers""#.utf8), context: context, timeoutMilliseconds: 60_000) {
      if case .response(let body) = $0.outcome { text = String(decoding: body, as: UTF8.self) }
    }
    try stage.wait("the headers") { text != nil }
    let headers = try #require(text)
    for header in [
      "Lambda-Runtime-Aws-Request-Id: ", "Lambda-Runtime-Deadline-Ms: 1", "Lambda-Runtime-Trace-Id: Root=1-",
      "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f:live",
      "Lambda-Runtime-Client-Context: {", "Lambda-Runtime-Invocation-Id: ", "Content-Type: application/json",
    ] { #expect(headers.contains(header), "\(header)") }
    #expect(!headers.contains("Tenant"))
    try stage.stop()
  }

  @Test("a function runs in its own folder, by default the one of its executable")
  func directory() throws {
    let stage = try FunctionStage(["f": "", "g": ""]) { function in
      if function.name == "g" { function.workingDirectory = "/usr" }
    }
    #expect(try stage.response("directory", of: "g") == #""/usr""#)
    #expect(FunctionStage.bootstrap.hasPrefix(try stage.response("directory").dropFirst().dropLast()))
    try stage.stop()
  }

  // MARK: Ends

  @Test("a function that dies fails its invocation with the exit status or the signal, and the next is served")
  func crash() throws {
    let stage = try FunctionStage()
    let exited = try stage.failure("crash")
    #expect(exited.type == "Runtime.ExitError")
    #expect(exited.message.hasPrefix("RequestId: "))
    #expect(exited.message.hasSuffix(" Error: Runtime exited with error: exit status 7"))
    #expect(try stage.failure("kill-itself").message.hasSuffix("Runtime exited with error: signal: killed"))
    #expect(try stage.response("x") == #""x""#)
    try stage.stop()
  }

  @Test("while one invocation crashes and another hangs, the others are served")
  func nobodyElseNotices() throws {
    let stage = try FunctionStage { $0.timeoutSeconds = 900 }
    stage.host.invoke("f", payload: Array(#""hang""#.utf8), timeoutMilliseconds: .max) { _ in }
    stage.host.invoke("f", payload: Array(#""crash""#.utf8), timeoutMilliseconds: .max) { _ in }
    for number in 1...20 { #expect(try stage.response("\(number)") == "\"\(number)\"") }
    try stage.stop()
  }

  @Test("a function that hangs is killed when its time is over, and says so in its log")
  func timeout() throws {
    let stage = try FunctionStage { $0.timeoutSeconds = 1 }
    let failure = try stage.failure("hang")
    #expect(failure.type == "Sandbox.Timedout")
    #expect(failure.message.hasSuffix(" Error: Task timed out after 1.00 seconds"))
    #expect(try stage.response("x") == #""x""#)
    #expect(stage.lines.contains { $0.hasSuffix("Task timed out after 1.00 seconds") })
    try stage.stop()
  }

  @Test("a caller's time is its own: the function goes on")
  func callerTimeout() throws {
    let stage = try FunctionStage()
    guard case .timedOut = try stage.invoke("hang", timeoutMilliseconds: 50) else {
      Issue.record("it answered")
      return
    }
    try stage.stop()
  }

  @Test("an idle process is ended, and started again when it is needed")
  func idle() throws {
    let stage = try FunctionStage { $0.idleSeconds = 0 }
    let pid = try #require(pid_t(try stage.response("pid")))
    try stage.wait("the end of the idle process") { !FunctionStage.isRunning(pid) }
    #expect(try stage.response("pid") != "\(pid)")
    try stage.stop()
  }

  @Test("stopping kills a process that does not listen, and what processes have started")
  func stopDeaf() throws {
    let stage = try FunctionStage(["deaf": "deaf", "parent": ""])
    let deaf = try #require(pid_t(try stage.response("pid", of: "deaf")))
    let child = try #require(pid_t(try stage.response("leave-child", of: "parent")))
    #expect(FunctionStage.isRunning(deaf) && FunctionStage.isRunning(child))
    try stage.stop()
    #expect(!FunctionStage.isRunning(deaf))
    try stage.wait("the end of the grandchild") { !FunctionStage.isRunning(child) }
  }

  @Test("a runtime ends by itself when the gateway's end of its connection closes, as it does when that is killed")
  func gatewayDies() throws {
    let loop = try EventLoop()
    let end = Outcome()
    let environment = FunctionEnvironment(id: 1, slots: 1, owner: end)
    try environment.start(on: loop, buffer: ReadBuffer()) { address in
      .init(executable: FunctionStage.bootstrap, environment: ["AWS_LAMBDA_RUNTIME_API": address])
    }
    while end.processEnd == nil { loop.turn(waitingAtMostMilliseconds: 100) }
    #expect(end.processEnd == .exited(status: 91))
  }

  /// Closes the port as soon as the runtime has asked, and sends no signal.
  private final class Outcome: FunctionEnvironmentOwner {
    var processEnd: ProcessEnd?

    func handle(
      _ call: RuntimeAPI.Request, request: HTTPRequest, from environment: FunctionEnvironment,
      responder: HTTPResponder
    ) { environment.close() }

    func plan(
      _ call: RuntimeAPI.Request, request: HTTPRequest, from environment: FunctionEnvironment, responder: HTTPResponder
    ) -> HTTPBodyPlan { .whole }

    func withdrew(environment: FunctionEnvironment) {}
    func truncated(_ call: RuntimeAPI.Request, from environment: FunctionEnvironment) {}
    func wrote(_ line: [UInt8], from environment: FunctionEnvironment) {}
    func ended(environment: FunctionEnvironment, end: ProcessEnd) { processEnd = end }
  }

  @Test("killing ends every process at once")
  func kill() throws {
    let stage = try FunctionStage(["f": "deaf"])
    let pid = try #require(pid_t(try stage.response("pid")))
    #expect(FunctionStage.isRunning(pid))
    stage.host.kill()
    try stage.wait("its end") { !FunctionStage.isRunning(pid) }
    try stage.stop()
  }

  // MARK: Starts that fail

  @Test(
    "a program that is missing or no program is named in the error",
    arguments: [("/nowhere/bootstrap", "/usr", "No such file"), ("/etc/passwd", "/usr", "Permission denied")])
  func notStartable(executable: String, directory: String, reason: String) throws {
    let stage = try FunctionStage {
      $0.executable = executable
      $0.workingDirectory = directory
    }
    let failure = try stage.failure("x")
    #expect(failure.type == "Runtime.InvalidEntrypoint")
    #expect(failure.message.contains(executable) && failure.message.contains(reason))
    try stage.stop()
  }

  @Test("a working directory that is missing is named in the error")
  func noDirectory() throws {
    let stage = try FunctionStage { $0.workingDirectory = "/nowhere" }
    let failure = try stage.failure("x")
    #expect(failure.type == "Runtime.InvalidWorkingDir" && failure.message.contains("/nowhere"))
    try stage.stop()
  }

  @Test("a bootstrap that exits at its start is tried again only after a pause, and every caller gets its error")
  func exitAtStart() throws {
    let stage = try FunctionStage(["f": "exit-at-start"])
    var failures = 0
    for _ in 1...200 {
      stage.host.invoke("f", payload: [0x30], timeoutMilliseconds: 60_000) { outcome in
        if case .functionError(_, "Runtime.ExitError") = outcome { failures += 1 }
      }
    }
    try stage.wait("200 failures") { failures == 200 }
    #expect(stage.lines.filter { $0.hasPrefix("INIT_REPORT") }.count <= 12)
    try stage.stop()
  }

  @Test("a bootstrap that reports why it cannot start has its report passed on")
  func initError() throws {
    let stage = try FunctionStage(["f": "init-error"])
    let failure = try stage.failure("x")
    #expect(failure.type == "Runtime.NoTable" && failure.message == "no table")
    try stage.wait("its last words") { stage.lines.contains("init/error answered 202") }
    try stage.stop()
  }

  @Test("a bootstrap that never asks for an invocation is killed when the init time is over")
  func hangAtStart() throws {
    let stage = try FunctionStage(["f": "hang-at-start"]) { $0.initMilliseconds = 200 }
    let failure = try stage.failure("x")
    #expect(failure.type == "Sandbox.Timedout" && failure.message.contains("0.20 seconds"))
    try stage.stop()
  }

  @Test("a bootstrap that speaks no HTTP is refused and fails alone")
  func garbage() throws {
    let stage = try FunctionStage(["f": "garbage", "g": ""])
    #expect(try stage.failure("x").message.hasSuffix("exit status 4"))
    #expect(stage.lines.contains("garbage answered 400"))
    #expect(try stage.response("x", of: "g") == #""x""#)
    try stage.stop()
  }
}
