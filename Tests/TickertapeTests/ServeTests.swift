import ConnectionStore
import Glibc
import HTTPClient
import LambdaEvents
import LocalGateway
import TableBackends
import Telemetry
import TestSupport
import Testing

@testable import tickertape

@Suite("The settings of serve")
struct ServeSettingsTests {
  func settings(_ words: String..., file: String? = nil) throws -> ServeSettings {
    try settings(words, file: file)
  }

  func settings(_ words: [String], file: String?) throws -> ServeSettings {
    let scratch = try Scratch()
    let path = scratch.write("settings.json", file ?? "{}")
    let arguments = try Arguments(words + ["--config", path], for: ServeCommand.syntax)
    return try ServeSettings(arguments, in: Screen().context())
  }

  func refusal(_ words: String..., file: String? = nil) -> CommandFailure? {
    do {
      _ = try settings(words, file: file)
      return nil
    } catch {
      return error as? CommandFailure
    }
  }

  @Test("without a word the project's own functions run beside the tool, on the three routes that every API has")
  func defaults() throws {
    let settings = try settings()
    #expect(settings.port == 8000 && settings.stage == "dev" && settings.sqlitePath == ".tickertape/table.sqlite")
    #expect(settings.functions["Publisher"] == "/opt/tickertape/Publisher")
    #expect(
      settings.routes == [
        "$connect": "ConnectHandler", "$disconnect": "DisconnectHandler", "$default": "DefaultHandler",
      ])
    #expect(settings.routeResponses == ["$default"])
    #expect(settings.idleTimeoutMilliseconds == 600_000 && settings.maximumDurationMilliseconds == 7_200_000)
  }

  @Test(
    "time passes as on AWS unless it is told to pass faster, and the Publisher is swept each minute unless it is not")
  func time() throws {
    let settings = try settings()
    #expect(settings.clock == 1 && settings.sweepMilliseconds == 60_000 && settings.faultsPath == nil)
    let fast = try self.settings("--clock", "10000", "--sweep", "0.5")
    #expect(fast.clock == 10_000 && fast.sweepMilliseconds == 500)
    #expect(try self.settings("--sweep", "0").sweepMilliseconds == 0)
    #expect(try self.settings(file: #"{"sweep": 0, "clock": 2}"#).clock == 2)
  }

  @Test("event streams whose function died are looked for each thirty seconds, the rest each minute")
  func sweeps() {
    let functions = ["Publisher", "StreamHandler"].map { FunctionConfiguration(name: $0, executable: "/opt/\($0)") }
    let both = ServeRun.schedules(functions, sweepMilliseconds: 60_000)
    #expect(both.map { text($0.payload) } == [#"{"sweep":{}}"#, #"{"sweepEventStreams":{}}"#])
    #expect(both.map(\.everyMilliseconds) == [60_000, 30_000] && both.allSatisfy { $0.function == "Publisher" })
    #expect(ServeRun.schedules([functions[0]], sweepMilliseconds: 60_000).count == 1)
    #expect(ServeRun.schedules(functions, sweepMilliseconds: 0).isEmpty)
  }

  @Test("functions over HTTP have the paths, the front and the bounds that they are told, each where it is asked for")
  func http() throws {
    let plain = try settings().http
    #expect(plain.routes(functions: ["Publisher"]).isEmpty)
    #expect(plain.routes(functions: ["StreamHandler"]).map(\.pattern) == ["*"])
    #expect(plain.configuration(functions: [], clock: 1).front == .functionURL)
    let told = try settings(
      "--http-function", "Publisher=/p/*,/q", "--http-front", "rest", "--concurrency", "Publisher=3", "--reserved",
      "Publisher=2", "--timeout", "Publisher=5", "--stream-rate", "0",
      file: #"{"http-function": {"StreamHandler": "/s/*"}, "http-idle": 30}"#
    ).http
    #expect(told.routes(functions: []).map(\.pattern) == ["/p/*", "/q", "/s/*"])
    #expect(told.configuration(functions: [], clock: 10).idleMilliseconds == 3000)
    #expect(told.configuration(functions: [], clock: 1).maximumMilliseconds == 900_000)
    var publisher = FunctionConfiguration(name: "Publisher", executable: "/p")
    told.configure(&publisher, isReachedOverHTTP: true)
    #expect(publisher.invocationsPerEnvironment == 3 && publisher.reservedConcurrency == 2)
    #expect(publisher.timeoutSeconds == 5 && publisher.streamBytesPerSecond == nil)
    var stream = FunctionConfiguration(name: "StreamHandler", executable: "/s")
    told.configure(&stream, isReachedOverHTTP: true)
    #expect(stream.invocationsPerEnvironment == 256 && stream.timeoutSeconds == 900)
    #expect(stream.variables(FunctionSettings(), runtimeAPI: "", logStream: "")["AWS_LAMBDA_MAX_CONCURRENCY"] == "256")
  }

  @Test("a fault plan is looked for beside the file that names it")
  func faultsPath() throws {
    #expect(try settings("--faults", "plans/a.json").faultsPath == "plans/a.json")
    let path = try settings(file: #"{"faults": "a.json"}"#).faultsPath
    #expect(path?.hasPrefix("/tmp/") == true && path?.hasSuffix("/a.json") == true)
  }

  @Test("functions and routes of one's own stand beside the others, or in their place")
  func own() throws {
    let settings = try settings(
      "--function", "Chat=build/Chat", "--route", "a=b=Chat", "--route", "$default=Chat", "--route-response", "a=b",
      "--idle-timeout", "0.5", "--env", "X=")
    #expect(settings.functions["Chat"] == "build/Chat")
    #expect(settings.routes["a=b"] == "Chat" && settings.routes["$default"] == "Chat")
    #expect(settings.routeResponses == ["$default", "a=b"])
    #expect(settings.idleTimeoutMilliseconds == 500)
    #expect(settings.variables == ["X": ""])
  }

  @Test("the file holds the same settings by the same names, and the command line wins")
  func file() throws {
    let file = #"""
      {"port": 9000, "stage": "test", "function": {"Chat": "build/Chat"}, "route": {"chat": "Chat", "$default": "Chat"},
       "allow-origin": ["http://a", "http://b"], "environments": 3, "idle-timeout": 1.5, "log-level": "debug"}
      """#
    let settings = try settings(
      "--port", "9001", "--route", "$default=DefaultHandler", "--allow-origin", "http://c", file: file)
    #expect(settings.port == 9001 && settings.stage == "test" && settings.environments == 3)
    #expect(settings.routes["chat"] == "Chat" && settings.routes["$default"] == "DefaultHandler")
    #expect(settings.allowedOrigins == ["http://c"])
    #expect(settings.idleTimeoutMilliseconds == 1500)
    #expect(settings.logLevel == .debug)
    #expect(
      settings.functions["Chat"]?.hasSuffix("/build/Chat") == true
        && settings.functions["Chat"]?.hasPrefix("/tmp/") == true)
  }

  @Test("a variable that names a file starts from the folder of the settings too; others stand as they are")
  func fileVariables() throws {
    let variables = try settings(
      "--env", "STREAM_ROUTES_FILE=routes.json",
      file: #"{"env": {"EVENT_TYPES_FILE": "types.json", "STREAM_ROUTES_FILE": "no.json", "X": "x.json"}}"#
    ).variables
    #expect(variables["EVENT_TYPES_FILE"]?.hasPrefix("/tmp/") == true)
    #expect(variables["EVENT_TYPES_FILE"]?.hasSuffix("/types.json") == true)
    #expect(variables["STREAM_ROUTES_FILE"] == "routes.json" && variables["X"] == "x.json")
    let absolute = #"{"env": {"EVENT_TYPES_FILE": "/opt/types.json", "STREAM_ROUTES_FILE": ""}}"#
    #expect(
      try settings(file: absolute).variables == ["EVENT_TYPES_FILE": "/opt/types.json", "STREAM_ROUTES_FILE": ""])
  }

  @Test("pages are folders at paths, relative to the file that names them")
  func pages() throws {
    let settings = try settings(
      file: #"{"pages": [".", "/client=."], "connect-source": ["wss://api.example.com"], "about": "Prices"}"#)
    #expect(settings.pages.count == 2 && settings.pages.allSatisfy { $0.folder.hasPrefix("/tmp/") })
    #expect(settings.pages.first == PageFolder(path: "/", folder: try #require(settings.pages.first).folder))
    #expect(settings.pages.last == PageFolder(path: "/client", folder: try #require(settings.pages.last).folder))
    #expect(settings.connectSources == ["wss://api.example.com"] && settings.about == "Prices")
  }

  @Test("an unknown key is named, with the nearest and all that there are")
  func unknownKey() throws {
    let failure = try #require(refusal(file: #"{"prot": 1, "x": {"deep": [1]}}"#))
    #expect(failure.code == .usage)
    #expect(failure.message.hasSuffix("settings.json: unknown key 'prot'; did you mean port?"))
    #expect(failure.advice[0].contains("port, stage, store, function, route"))
  }

  @Test("a fault in the file is reported with its line")
  func faults() {
    #expect(refusal(file: "{\n\"port\": 1,\n}")?.message.contains("settings.json, line 3: ") == true)
    #expect(refusal(file: "[]")?.message.contains("expected an object") == true)
    #expect(refusal(file: "{\n\"port\": true}")?.message.contains("line 2") == true)
  }

  @Test(
    "a key that is given twice in the file is refused with its line and name",
    arguments: [
      ("{\n\"port\": 1,\n\"port\": 2}", "'port'"),
      ("{\n\"env\": {\"A\": \"1\",\n\"A\": \"2\"}}", "'env A'"),
    ])
  func repeatedKey(file: String, word: String) {
    let words = "settings.json, line 3: \(word) stands there a second time"
    #expect(refusal(file: file)?.message.contains(words) == true, "\(refusal(file: file)?.message ?? "taken")")
  }

  @Test("a sweep that cannot be is told that 0 means never")
  func sweepBound() {
    let failure = #expect(throws: CommandFailure.self) { try settings(["--sweep", "-1"], file: nil) }
    #expect(failure?.message.contains("above zero, or 0 for never, not '-1'") == true)
  }

  @Test("every setting can be given in both places")
  func places() {
    let options = Set(ServeCommand.syntax.options.map(\.name)).subtracting(["config"])
    #expect(options == Set(ServeSettings.Key.allCases.map(\.rawValue)))
  }

  @Test(
    "values that cannot be are refused",
    arguments: [
      ["--port", "65536"], ["--stage", "a/b"], ["--store", "memory:"], ["--store", "sqlite:"], ["--function", "Chat"],
      ["--function", "=x"], ["--route", "x=Nobody"], ["--route-response", "nowhere"], ["--log-level", "loud"],
      ["--idle-timeout", "0"], ["--allow-origin", "localhost"], ["--environments", "0"], ["--echo", "8000"],
      ["--clock", "0"], ["--clock", "10001"], ["--clock", "1.5"], ["--sweep", "-1"], ["--sweep", "soon"],
      ["--allow-origin", "http://x/path"], ["--allow-origin", "http://X"], ["--allow-origin", "http://"],
      ["--env", "CONNECTION_STORE=memory:"], ["--pages", "/nowhere"], ["--pages", "/client="],
      ["--pages", "/a b=/tmp"],
      ["--pages", "/../x=/tmp"], ["--pages", "/.git=/tmp"], ["--connect-source", "wss://x; script-src *"],
      ["--http-function", "Echo"], ["--http-function", "Publisher=metrics"], ["--http-function", "Publisher=/a*"],
      ["--http-function", "Nobody=/a"], ["--http-front", "alb"], ["--http-idle", "-1"],
      ["--concurrency", "Publisher=0"],
      ["--concurrency", "Nobody=2"], ["--reserved", "Publisher"], ["--timeout", "Publisher=901"],
      ["--stream-rate", "-1"],
      ["--connect-source", "'unsafe-inline'"], ["--about", String(repeating: "x", count: 501)],
    ])
  func refusals(words: [String]) {
    #expect(throws: CommandFailure.self) { try settings(words, file: nil) }
  }

  @Test("a missing executable is reported with its path before anything is started")
  func missingExecutable() {
    let screen = Screen()
    #expect(screen.run("serve", "--port", "0", "--store", "sqlite:/tmp/never/t.sqlite") == .inputOutput)
    #expect(
      screen.errorText.contains(
        "the function ConnectHandler cannot be run: /opt/tickertape/ConnectHandler is not there"))
    #expect(screen.errorText.contains("'swift build'"))
    #expect(!System.exists(path: "/tmp/never"))
  }

  @Test("the greeting names the real port everywhere, and says who may connect")
  func greeting() throws {
    func text(_ access: String?) throws -> String {
      ServeGreeting(
        settings: try settings("--port", "0"), store: "sqlite:/t", port: 4711, echoPort: 4712,
        functions: ["Publisher"], access: access, program: "tickertape"
      ).lines(terminal: Screen().terminal()).joined(separator: "\n").text
    }
    let open = try text("open")
    #expect(open.contains("ws://127.0.0.1:4711/dev?userId=u-1") && open.contains("--endpoint http://127.0.0.1:4711"))
    #expect(open.contains("ws://127.0.0.1:4712/") && !open.contains("8000"))
    #expect(open.contains("everybody on this machine may connect, as whoever they say; ACCESS=required asks for keys"))
    #expect(open.contains("of this address only; --allow-origin http://localhost:3000 lets in those of another"))
    #expect(try text(nil).contains("Clients need a key or a token."))
  }
}

@Suite("The doctor")
struct DoctorTests {
  func checks(_ words: String..., answering exchange: @escaping InvokeAPI.Exchange) throws -> [Check] {
    let screen = Screen()
    let code = Tool.run(["doctor", "--json"] + words, in: screen.context(exchange: exchange))
    let members = try #require(JSONMembers(screen.output))
    #expect((members["ok"].map { text($0) } == "true") == (code == .success))
    return try #require(members.elements("checks")).compactMap { JSONMembers($0) }.map { check in
      Check(
        subject: check.string("subject") ?? "",
        verdict: Check.Verdict(rawValue: check.string("verdict") ?? "") ?? .note,
        finding: check.string("finding") ?? "", advice: check.string("advice"))
    }
  }

  static func gateway(_ request: HTTPRequest) -> InvokeAPI.Answer {
    .init(status: 404, body: #"{"Message":"Function not found"}"#)
  }

  @Test("a missing executable is wrong, with what to do; a file that is no table, too")
  func wrong() throws {
    let scratch = try Scratch()
    let file = scratch.write("t.sqlite", "this is text")
    let checks = try checks("--store", "sqlite:\(file)", "--endpoint", "http://127.0.0.1:1", answering: Self.gateway)
    let publisher = try #require(checks.first { $0.subject == "Publisher" })
    #expect(publisher == .wrong("Publisher", finding: "/opt/tickertape/Publisher is not there", advice: "swift build"))
    let table = try #require(checks.first { $0.subject == "table" })
    #expect(table.verdict == .wrong && table.finding.contains("is no SQLite file"))
    #expect(checks.first { $0.subject == "endpoint" }?.verdict == .fine)
    #expect(checks.first { $0.subject == "access" }?.verdict == .note)
  }

  @Test("a table that is still to be created is fine, and so is one whose pages are whole")
  func table() throws {
    let scratch = try Scratch()
    let new = try checks(
      "--store", "sqlite:\(scratch.path)/deep/t.sqlite", "--endpoint", "http://x", answering: Self.gateway)
    #expect(new.first { $0.subject == "table" }?.finding.contains("will be created") == true)
    #expect(!System.exists(path: "\(scratch.path)/deep"))
    let file = "\(scratch.path)/t.sqlite"
    try Self.fill(file)
    #expect(try self.table(file) == .fine("table", finding: file))
  }

  private func table(_ file: String) throws -> Check? {
    try checks("--store", "sqlite:\(file)", "--endpoint", "http://x", answering: Self.gateway)
      .first { $0.subject == "table" }
  }

  private static func fill(_ file: String) throws {
    let table = try TableSelection.open("sqlite:\(file)")
    let block = Value.bytes([UInt8](repeating: 7, count: 500))
    try table.writeBatch(
      (0..<200).map { .put(Item(key: ItemKey(partition: "p", sort: "\($0)"), attributes: ["b": block])) })
  }

  private static func write(_ bytes: [UInt8], at place: Int, of file: String) {
    let descriptor = open(file, O_WRONLY)
    _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, place) }
    close(descriptor)
  }

  @Test("a table with a damaged page is wrong, and so is the database of another program; neither is changed")
  func damagedTable() throws {
    let scratch = try Scratch()
    let file = "\(scratch.path)/t.sqlite"
    try Self.fill(file)
    Self.write([UInt8](repeating: 0xA5, count: 8_192), at: 8_192, of: file)
    let damaged = try table(file)
    #expect(damaged?.verdict == .wrong && damaged?.finding.contains("restore the file from a copy") == true)
    let other = "\(scratch.path)/other.sqlite"
    try Self.fill(other)
    // Bytes 68 to 71 of the header are the application's id.
    Self.write([1, 2, 3, 4], at: 68, of: other)
    let before = try ByteSource.file(path: other).read()
    let foreign = try table(other)
    #expect(foreign?.verdict == .wrong && foreign?.finding.contains("a database of another program") == true)
    #expect(try ByteSource.file(path: other).read() == before)
  }

  @Test("an endpoint that is silent or something else is wrong where it was asked for")
  func endpoint() throws {
    let other = try checks("--endpoint", "http://x", answering: { _ in .init(status: 200, body: "<html>") })
    #expect(other.first { $0.subject == "endpoint" }?.verdict == .wrong)
    #expect(!other.contains { $0.subject.hasPrefix("port") })
  }

  @Test("findings are aligned, with the advice on a line of its own")
  func lines() {
    let terminal = Screen().terminal()
    #expect(Check.fine("table", finding: "t").lines(terminal: terminal) == ["ok     table               t"])
    #expect(
      Check.wrong("port 8000", finding: "taken", advice: "do").lines(terminal: terminal)
        == ["wrong  port 8000           taken", "                           do"])
  }
}
