import JSON
import Telemetry
import Testing

@Suite("Log")
struct LogTests {
  @Test("a line is one JSON object with its fields in order")
  func line() {
    let lines = Lines()
    let log = Log(clock: .fixed, write: lines.write).with(["requestId": "r-1"])
    log.info("connected", ["connectionId": .text("a="), "n": 7, "share": .decimal(0.5), "again": .flag(false)])
    #expect(
      lines.all == [
        #"{"timestamp":"2026-11-20T12:00:00.000Z","level":"INFO","message":"connected","requestId":"r-1","#
          + #""connectionId":"a=","n":7,"share":0.5,"again":false}"# + "\n"
      ])
  }

  @Test("whatever a field holds, a line is one line and valid JSON")
  func escaping() throws {
    let lines = Lines()
    let log = Log(clock: .fixed, write: lines.write)
    log.error("quote \" backslash \\ line\nfeed \r\t\0 é𝄞", ["key\n\"": .text("\u{1}\u{1F}"), "nan": .decimal(.nan)])
    let line = try #require(lines.all.first)
    #expect(line.utf8.filter { $0 < 0x20 } == [0x0A] && line.hasSuffix("}\n"))
    try JSONReader.validate(Array(line.utf8))
    #expect(line.contains(#""nan":null"#))
  }

  @Test("lines below the minimum are not written, nor are their texts made")
  func levels() {
    let lines = Lines()
    let log = Log(minimum: .warn, clock: .fixed, write: lines.write)
    func costly() -> String {
      Issue.record("a text that nobody reads")
      return ""
    }
    log.debug("\(costly())")
    log.info("\(costly())", ["a": .text(costly())])
    log.warn("w")
    log.error("e")
    log.log(.fatal, "f")
    #expect(lines.all.count == 3)
    #expect(log.isEnabled(.warn) && !log.isEnabled(.info))
    #expect(lines.all[2].contains(#""level":"FATAL""#))
  }

  @Test("levels are known by their names in any case", arguments: ["trace", "Debug", "INFO", "warn", "Error", "FATAL"])
  func names(name: String) throws {
    let lines = Lines()
    let level = try #require(Log.Level(name: name))
    Log(minimum: .trace, clock: .fixed, write: lines.write).log(level, "m")
    #expect(lines.all[0].contains("\"level\":\"\(name.uppercased())\""))
  }

  @Test("another word is no level", arguments: ["", "warning", "INFO "])
  func noLevel(name: String) { #expect(Log.Level(name: name) == nil) }

  @Test("fields are added to those that are there")
  func context() {
    let lines = Lines()
    Log(clock: .fixed, write: lines.write).with(["a": 1]).with(["b": 2]).info("m", ["c": 3])
    #expect(lines.all[0].hasSuffix(#""a":1,"b":2,"c":3}"# + "\n"))
  }
}

@Suite("Environment and chance")
struct EnvironmentTests {
  @Test("an empty variable is as good as none")
  func empty() {
    let environment = Environment(["A": "x", "B": ""])
    #expect(environment["A"] == "x" && environment["B"] == nil && environment["C"] == nil)
  }

  @Test("a missing variable says its name and an example")
  func required() throws {
    let environment = Environment(["A": "x"])
    #expect(try environment.required("A", example: "y") == "x")
    let error = #expect(throws: MissingVariable.self) { try environment.required("TABLE", example: "sqlite:a.db") }
    #expect(error?.description == "TABLE is not set; for example TABLE=sqlite:a.db")
  }

  @Test("the process's own variables are read")
  func process() { #expect(Environment.process["PATH"] != nil) }

  @Test("sixteen digits are written, leading zeros too")
  func hexadecimal() {
    #expect(Randomness { 0xAB }.hexadecimal() == "00000000000000ab")
    #expect(Randomness { .max }.hexadecimal() == "ffffffffffffffff")
  }

  @Test("a number by chance stays in its range")
  func range() {
    for _ in 0..<100 { #expect((3...5).contains(Randomness.system.integer(in: 3...5))) }
    #expect(Randomness.system.integer(in: 7...7) == 7)
  }

  @Test("seconds are whole milliseconds' seconds")
  func seconds() { #expect(Clock.fixed.seconds == 1_795_176_000) }
}
