import Testing

@testable import LocalGateway

@Suite("The Runtime API, to runtimes that err", .timeLimit(.minutes(10)))
struct FunctionRuntimeAPITests {
  /// What the function does, what the caller gets, and what the runtime was answered.
  @Test(
    "a misuse is answered with its status and costs nobody the invocation",
    arguments: [
      ("answer-twice", #""done""#, "second answer 403"), ("wrong-id", #""done""#, "wrong id 400"),
      ("late-id", #""done""#, "late delivery 400"), ("same-id", #""done""#, ""),
      ("unknown-path", #""done""#, "unknown path 404"), ("init-error-late", #""done""#, "late init error 403"),
      ("ask-again", #""same""#, ""), ("chunks", #""in chunks""#, ""), ("print", #""done""#, "second line"),
      ("answer-and-exit", #""done""#, ""),
    ])
  func misuse(command: String, answer: String, line: String) throws {
    let stage = try FunctionStage()
    #expect(try stage.response(command) == answer)
    #expect(try stage.response("next") == #""next""#)
    if !line.isEmpty { try stage.wait(line) { stage.lines.contains(line) } }
    try stage.stop()
  }

  @Test("an answer before any invocation is refused with 403")
  func answerFirst() throws {
    let stage = try FunctionStage(["f": "answer-first"])
    #expect(try stage.response("x") == #""x""#)
    #expect(stage.lines.contains("early answer 403"))
    try stage.stop()
  }

  @Test("an answer of 6 MiB and 100 bytes is taken, one byte more is refused with 413 and fails the invocation")
  func size() throws {
    let stage = try FunctionStage()
    #expect(try stage.response("biggest").utf8.count == 6 * 1024 * 1024 + 100)
    #expect(try stage.failure("too-big").type == "Function.ResponseSizeTooLarge")
    try stage.wait("413") { stage.lines.contains("big answer 413") }
    #expect(try stage.response("x") == #""x""#)
    try stage.stop()
  }

  @Test("a connection that closes inside an answer fails the invocation at once")
  func truncated() throws {
    let stage = try FunctionStage()
    #expect(try stage.failure("close-mid-body").type == "Runtime.TruncatedResponse")
    #expect(try stage.response("x") == #""x""#)
    try stage.stop()
  }

  @Test("a response mode that Lambda does not know is refused with 400 and fails the invocation")
  func responseMode() throws {
    let stage = try FunctionStage()
    #expect(try stage.failure("bad-mode").type == "Runtime.InvalidResponseModeHeader")
    try stage.wait("400") { stage.lines.contains("bad mode 400") }
    try stage.stop()
  }

  @Test("an error is passed on as the function posted it; one that is not JSON is quoted")
  func errors() throws {
    let stage = try FunctionStage()
    let error = try stage.failure("error")
    #expect(error.type == "Function.Broken" && error.message == "broken")
    let garbage = try stage.failure("garbage-error")
    #expect(garbage.type == "Runtime.Unknown" && garbage.message == "not JSON")
    try stage.stop()
  }

  @Test(
    "error types are kept where Lambda keeps them",
    arguments: [
      ("Function.Broken", "Function.Broken"), ("Runtime.NoTable", "Runtime.NoTable"),
      ("My Runtime.Ab1", "Runtime.Ab"), ("Function.broken", "Function.Unknown"), ("Function.B", "Function.Unknown"),
      ("Unhandled", "Runtime.Unknown"), ("", "Runtime.Unknown"),
    ])
  func errorTypes(header: String, type: String) {
    #expect(RuntimeAPI.normalizedErrorType(header) == type)
  }

  @Test("START, the function's lines, END and REPORT come in that order")
  func reports() throws {
    let stage = try FunctionStage {
      $0.memoryMegabytes = 256
      $0.maximumEnvironments = 1
    }
    _ = try stage.response("print")
    let kinds = stage.lines.map { String($0.prefix { $0 != " " }) }
    #expect(kinds == ["START", "first", "second", "END", "REPORT"])
    let report = try #require(stage.lines.last)
    #expect(report.contains("\tMemory Size: 256 MB\tMax Memory Used: "))
    #expect(!report.contains("Used: 0 MB") && report.contains(" ms\tBilled Duration: "))
    #expect(report.contains("\tInit Duration: "))
    _ = try stage.response("x")
    #expect(stage.lines.last?.contains("Init Duration") == false)
    try stage.stop()
  }

  @Test("without reports there are the function's lines alone")
  func noReports() throws {
    var settings = FunctionSettings()
    settings.writesReports = false
    let stage = try FunctionStage(settings: settings)
    _ = try stage.response("print")
    try stage.wait("the lines") { stage.lines.count >= 2 }
    #expect(stage.lines == ["first line", "second line"])
    try stage.stop()
  }

  @Test("the most memory of a process is read from its status")
  func memory() {
    let status = Array("Name:\tf\nVmPeak:\t  9 kB\nVmHWM:\t    1234 kB\nVmRSS:\t  5 kB\n".utf8)
    #expect(ProcessStatus.peakKilobytes(inStatus: status) == 1234)
  }

  @Test("lines are cut whole however they arrive, and too long ones in pieces")
  func lines() {
    var splitter = LineSplitter()
    var lines: [String] = []
    func append(_ text: String) {
      Array(text.utf8).withUnsafeBytes { bytes in
        splitter.append(bytes) { lines.append(String(decoding: $0, as: UTF8.self)) }
      }
    }
    for piece in ["a", "b\nc", "\n\nd"] { append(piece) }
    #expect(lines == ["ab", "c", ""])
    splitter.finish { lines.append(String(decoding: $0, as: UTF8.self)) }
    #expect(lines.last == "d")
    append(String(repeating: "x", count: LineSplitter.maximumBytes))
    #expect(lines.last?.utf8.count == LineSplitter.maximumBytes)
  }
}
