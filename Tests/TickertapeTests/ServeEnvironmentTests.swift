import LocalGateway
import TestSupport
import Testing

@testable import tickertape

@Suite("What serve takes from its environment")
struct ServeEnvironmentTests {
  private func settings(
    _ options: [String] = [], environment: [String: String], file: String = "{}"
  ) throws -> ServeSettings {
    let scratch = try Scratch()
    let path = scratch.write("settings.json", file)
    let arguments = try Arguments(options + ["--config", path], for: ServeCommand.syntax)
    return try ServeSettings(arguments, in: Screen().context(environment: environment))
  }

  private func variables(_ options: [String] = [], environment: [String: String]) throws -> [String: String] {
    let settings = try settings(options, environment: environment)
    let run = ServeRun(settings: settings, in: Screen().context(environment: environment))
    return run.functionSettings(port: 8000, store: "sqlite:/t").environment
  }

  @Test("the table that neither an option nor the file names is the environment's, as for every other command")
  func table() throws {
    let environment = ["CONNECTION_STORE": "sqlite:mine", "STREAM_MESSAGES_TABLE_NAME": "theirs"]
    #expect(try settings(environment: environment).store == "sqlite:mine")
    #expect(try settings(environment: ["STREAM_MESSAGES_TABLE_NAME": "theirs"]).store == "dynamodb:theirs")
    #expect(try settings(environment: [:]).store == "sqlite:.tickertape/table.sqlite")
    #expect(try settings(["--store", "sqlite:a"], environment: environment).store == "sqlite:a")
    #expect(try settings(environment: environment, file: #"{"store": "sqlite:b"}"#).store == "sqlite:b")
  }

  @Test("a table that serve cannot have is refused by the variable's name, unless another is chosen")
  func noTable() throws {
    let environment = ["CONNECTION_STORE": "memory:"]
    let failure = #expect(throws: CommandFailure.self) { try settings(environment: environment) }
    #expect(failure?.message.hasPrefix("CONNECTION_STORE: store takes sqlite:PATH or dynamodb:TABLE") == true)
    #expect(try settings(["--store", "sqlite:a"], environment: environment).store == "sqlite:a")
  }

  @Test("lines of metrics are written as METRICS says, and where it says nothing up to the level info")
  func metrics() throws {
    #expect(try variables(environment: [:])["METRICS"] == nil)
    #expect(try variables(environment: ["METRICS": "off"])["METRICS"] == "off")
    let quiet = ["--log-level", "warn"]
    #expect(try variables(quiet, environment: [:])["METRICS"] == "off")
    #expect(try variables(quiet, environment: ["METRICS": "on"])["METRICS"] == "on")
    #expect(try variables(quiet + ["--env", "METRICS=off"], environment: ["METRICS": "on"])["METRICS"] == "off")
  }

  @Test("whether calls to @connections are signed is handed on")
  func signing() throws {
    #expect(try variables(environment: ["API_GATEWAY_SIGN": "never"])["API_GATEWAY_SIGN"] == "never")
  }
}
