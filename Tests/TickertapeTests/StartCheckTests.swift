import Glibc
import Telemetry
import Testing

@testable import tickertape

@Suite("What serve refuses at its start")
struct StartCheckTests {
  struct Wrong: CustomTestStringConvertible, Sendable {
    let setting: String
    let function: String
    let mention: String
    var testDescription: String { setting }

    init(_ setting: String, _ function: String, _ mention: String) {
      (self.setting, self.function, self.mention) = (setting, function, mention)
    }
  }

  static let wrong = [
    Wrong("ACCESS=opne", "ConnectHandler", "ACCESS=opne is neither open nor required"),
    Wrong("JWT_SECRET=short", "ConnectHandler", "JWT_SECRET has 5 bytes and needs 32 at least"),
    Wrong("JWT_ISSUER=https://login.example.com", "ConnectHandler", "JWT_ISSUER is set, but nothing"),
    Wrong("MAX_CONNECTIONS_PER_USER=0", "ConnectHandler", "MAX_CONNECTIONS_PER_USER=0 is no number from 1"),
    Wrong("CONNECT_LIMIT_COUNTS=some", "ConnectHandler", "CONNECT_LIMIT_COUNTS=some is neither refused nor all"),
    Wrong("MAX_SUBSCRIPTIONS=1001", "ConnectHandler", "MAX_SUBSCRIPTIONS=1001 is no number from 1 to 1000"),
    Wrong("EVENT_TYPES_FILE=/nowhere/types.json", "ConnectHandler", "EVENT_TYPES_FILE cannot be read"),
    Wrong("API_GATEWAY_SIGN=sometimes", "ConnectHandler", "API_GATEWAY_SIGN=sometimes: it is always or never"),
    Wrong("API_GATEWAY_ENDPOINT=nowhere", "ConnectHandler", "API_GATEWAY_ENDPOINT=nowhere: it is a URL"),
    Wrong("API_GATEWAY_ENDPOINT=", "Publisher", "API_GATEWAY_ENDPOINT is not set"),
    Wrong("LISTENER_SHARDS=0", "ConnectHandler", "LISTENER_SHARDS=0 is no number from 1 to 64"),
    Wrong("ACCESS_ORIGINS=foo", "ConnectHandler", "ACCESS_ORIGINS=foo: a page's origin is scheme://host"),
    Wrong("ACCESS_ORIGINS=https://a.example/x", "ConnectHandler", "without a path"),
    Wrong("AWS_LAMBDA_LOG_LEVEL=chatty", "ConnectHandler", "AWS_LAMBDA_LOG_LEVEL=chatty is none of TRACE, DEBUG"),
    Wrong("METRICS=maybe", "ConnectHandler", "METRICS=maybe is neither on nor off"),
    Wrong("CONNECTION_STORE=redis:x", "ConnectHandler", "CONNECTION_STORE=redis:x names no table"),
  ]

  /// Runs `serve` with executables that are there. Should it start, a signal has come already.
  private func serve(_ options: [String], in screen: Screen, _ scratch: Scratch) -> ExitCode {
    let functions = ServeSettings.ownFunctions.flatMap { ["--function", "\($0)=/bin/false"] }
    let config = scratch.write("settings.json", "{}")
    var ends: [Int32] = [-1, -1]
    pipe(&ends)
    write(ends[1], "x", 1)
    defer { for end in ends { close(end) } }
    var context = screen.context()
    context.signal = { [descriptor = ends[0]] in TerminationSignal(descriptor: descriptor) }
    return Tool.run(["serve", "--port", "0", "--config", config] + functions + options, in: context)
  }

  @Test("what the functions would take, serve takes")
  func taken() throws {
    let (screen, scratch) = (Screen(), try Scratch())
    let settings = [
      "ACCESS=open", "JWT_LEEWAY_SECONDS=60", "JWT_USER_CLAIM=sub", "JWT_ISSUER=", "MAX_SUBSCRIPTIONS=1000",
      "METRICS=on", "AWS_LAMBDA_LOG_LEVEL=debug",
    ]
    let options = settings.flatMap { ["--env", $0] } + ["--store", "sqlite:\(scratch.path)/table.sqlite"]
    #expect(serve(options, in: screen, scratch) == .success, "\(screen.errorText)")
  }

  @Test("a setting that a function would refuse ends serve with the function's own words", arguments: wrong)
  func refused(wrong: Wrong) throws {
    let (screen, scratch) = (Screen(), try Scratch())
    let store = "sqlite:\(scratch.path)/table.sqlite"
    #expect(serve(["--store", store, "--env", wrong.setting], in: screen, scratch) == .usage)
    #expect(screen.errorText.contains("\(wrong.function) would refuse to start: "), "\(screen.errorText)")
    #expect(screen.errorText.contains(wrong.mention), "\(screen.errorText)")
  }

  @Test("a store that is no database ends serve before anything listens, and is left as it is")
  func noDatabase() throws {
    let (screen, scratch) = (Screen(), try Scratch())
    let text = String(repeating: "These are the minutes of the meeting. ", count: 200)
    let path = scratch.write("minutes.txt", text)
    #expect(serve(["--store", "sqlite:\(path)"], in: screen, scratch) == .usage)
    #expect(screen.errorText.contains("not a database"), "\(screen.errorText)")
  }

  @Test("a function of another program's may read the same variables its own way")
  func foreign() throws {
    let environment = Environment(["ACCESS": "by-invitation"])
    #expect(throws: Never.self) { try StartCheck(function: "Chat", environment: environment).run() }
    #expect(throws: CommandFailure.self) { try StartCheck(function: "ConnectHandler", environment: environment).run() }
  }
}
