import Connections
import Foundation
import Frames
import Glibc
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("the file of event types")
struct EventTypeFileTests {
  private let standard = EventTypeTable.standard

  /// Each type has a schema and an example, unless one of the text has.
  private func read(_ text: String) throws(EventTypeFileError) -> EventTypeTable {
    try EventTypeTable(reading: Array(Self.filled(text).utf8), file: "types.json")
  }

  private static func filled(_ text: String) -> String {
    guard !text.contains("\"schema\""), !text.contains("\"example\"") else { return text }
    return text.split(separator: "\"roles\"", omittingEmptySubsequences: false).joined(
      separator: #""schema":{},"example":1,"roles""#)
  }

  private static func type(_ members: String) -> String {
    #"{"version":1,"types":[{"name":"a","roles":[],\#(members)}]}"#
  }

  private static let schema =
    #""schema":{"type":"object","required":["s"],"properties":{"s":{"type":"string","enum":"#
    + #"["a","b"]},"list":{"type":"array","items":{"type":"object","properties":{"n":{"type":"number"}}}}}}"#

  /// What a type needs of which a state is kept.
  private static let personalKey = #""personal":true,"key":"s","example":{"s":"a"},"# + schema

  @Test("the file says of which types a state is kept")
  func states() {
    #expect(standard.statefulTypes.compactMap(\.list) == ["orders", "positions", "strategies"])
    #expect(
      standard.stateRule(of: "order:fill") == StateRule(type: "order:update", fold: .fill, list: nil))
    #expect(standard.stateRule(listed: "strategies")?.hasOwner == true && standard.stateRule(of: "alert:new") == nil)
    #expect(standard.stateRule(listed: "orders")?.type == "order:update" && standard.stateRule(listed: "x") == nil)
  }

  @Test("what is built in are the rules of the valid file EventTypes.json, without what is for readers only")
  func builtIn() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../../Sources/Connections/EventTypes/EventTypes.json")
    let table = try EventTypeTable(reading: Array(Data(contentsOf: file)), file: "EventTypes.json")
    #expect(table.mayBeSeen("signal", by: .viewer))
    #expect(String(reflecting: try EventTypeTable(environment: Environment([:]))) == String(reflecting: table))
  }

  @Test(
    "every type of the five source protocols is known, and its broadcasts are for the roles the documents say",
    arguments: [
      // AI Investment System Streaming, and Modul 09 with its roles.
      ("signal", "analyst approver viewer"), ("proposal", "analyst approver viewer"),
      ("proposal.created", "analyst approver viewer"), ("proposal.updated", "analyst approver viewer"),
      ("decision", "analyst approver"),
      ("outcome", "approver"), ("risk", "approver"), ("system", ""),
      // Trading: prices and the agents' status are broadcasts, the rest is each person's own.
      ("order:update", ""), ("order:fill", ""), ("position:update", ""), ("trade:new", ""),
      ("price:update", "analyst approver viewer"), ("ai:decision", ""), ("agent:status", "analyst approver viewer"),
      ("strategy:update", ""), ("alert:new", ""),
      // Credit and portfolio: news for everybody, the rest each person's own.
      ("credit_analysis", ""), ("risk_score_update", ""), ("calculation_progress", ""), ("portfolio_update", ""),
      ("factor_explanation", ""), ("recommendation", ""), ("calculation_result", ""), ("calculation_error", ""),
      ("goal_progress", ""), ("sip_progress", ""), ("credit_utilization_alert", ""),
      ("market_alert", "analyst approver viewer"),
      // Data of vendors, which clients without any role listen to.
      ("stream:market_data", "analyst approver viewer"), ("stream:news", "analyst approver viewer"),
      ("stream:fundamentals", "analyst approver viewer"), ("stream:analytics", "analyst approver viewer"),
      ("stream:insider_data", "analyst approver viewer"),
    ])
  func documents(type: String, roles: String) {
    #expect(standard.meanings(of: "\(type.dropLast())*").map(\.type).contains(type))
    let seen = Role.allCases.filter { $0 != .admin && standard.mayBeSeen(type, by: $0) }
    #expect(seen.map(\.rawValue).joined(separator: " ") == roles)
    #expect(standard.mayBeSeen(type, by: .admin) && !standard.mayBeSeen(type, by: nil))
  }

  @Test("bundles stand for several types")
  func bundles() {
    #expect(
      standard.meanings(of: "credit_updates").map(\.type)
        == ["credit_updates", "credit_analysis", "risk_score_update", "factor_explanation", "recommendation"])
    #expect(
      standard.meanings(of: "dashboard").map(\.type)
        == [
          "portfolio_update", "market_alert", "risk_score_update", "calculation_progress", "calculation_result",
          "calculation_error", "goal_progress", "sip_progress", "credit_utilization_alert",
        ])
    // What a client of /realtime/ws gets unless it asks: everything of its user's own.
    #expect(standard.meanings(of: "realtime").allSatisfy { standard.isPersonal($0.type) })
    #expect(standard.meanings(of: "trading").map(\.type) == ["order:update", "order:fill", "position:update"])
  }

  @Test("a file says which types there are, who sees them, and what else they are called")
  func own() throws {
    let table = try read(
      """
      {"version":1,"types":[{"name":"a","roles":["viewer"],"aliases":["A"]},{"name":"b","roles":["*"]}],
       "dialects":[{"name":"flat","aliases":["credit"]}]}
      """)
    #expect(table.mayBeSeen("a", by: .viewer) && !table.mayBeSeen("a", by: .analyst))
    #expect(Role.allCases.allSatisfy { table.mayBeSeen("b", by: $0) } && !table.mayBeSeen("b", by: nil))
    #expect(!table.mayBeSeen("signal", by: .viewer))
    // Nobody is named who sees everything.
    #expect(!table.mayBeSeen("a", by: .admin))
    #expect(table.dialect(named: "credit") == .flat && table.dialect(named: "typed") == .typed)
    #expect(table.dialect(named: "signal") == nil)
  }

  @Test(
    "a name that only looks like a known one is another name", arguments: ["\u{212A}ey", "k\u{0301}ey", "Key ", ""])
  func lookalikes(name: String) throws {
    let table = try read(#"{"version":1,"types":[{"name":"Key","roles":["viewer"]}]}"#)
    #expect(table.mayBeSeen("Key", by: .viewer) && !table.mayBeSeen(name, by: .viewer))
  }

  @Test(
    "a bad file is refused with the member that is wrong",
    arguments: [
      ("", "line 1", "ends too early"),
      ("{\n\"version\":1,\n\"types\":[],\n}", "line 4", "unexpected '}'"),
      ("{}", "version", "is missing"),
      (#"{"version":1}"#, "types", "is missing"),
      (#"{"version":2,"types":[]}"#, "version", "must be 1"),
      (#"{"version":1,"types":{}}"#, "types", "must be a list"),
      (#"{"version":1,"types":[],"type":[]}"#, "type", "is not known"),
      (#"{"version":1,"types":[],"types":[]}"#, "types", "stands twice"),
      (#"{"version":1,"types":["signal"]}"#, "types[0]", "must be an object"),
      (#"{"version":1,"types":[{"roles":[]}]}"#, "types[0].name", "is missing"),
      (#"{"version":1,"types":[{"name":"a"}]}"#, "types[0].roles", "is missing"),
      (#"{"version":1,"types":[{"name":"a","roles":["viewers"]}]}"#, "types[0].roles[0]", "admin, analyst"),
      (#"{"version":1,"types":[{"name":"a","roles":"viewer"}]}"#, "types[0].roles", "must be a list"),
      (#"{"version":1,"types":[{"name":"a*","roles":[]}]}"#, "types[0].name", "visible ASCII"),
      (#"{"version":1,"types":[{"name":"é","roles":[]}]}"#, "types[0].name", "visible ASCII"),
      (#"{"version":1,"types":[{"name":"ready","roles":[]}]}"#, "types[0].name", "own frames"),
      (#"{"version":1,"types":[{"name":"a","roles":[],"aliases":[7]}]}"#, "types[0].aliases[0]", "must be a string"),
      (#"{"version":1,"types":[{"name":"a","roles":[]},{"name":"b","roles":[],"aliases":["a"]}]}"#, "types[1]", "'a'"),
      (#"{"version":1,"types":[],"bundles":[{"name":"b","types":["x"]}]}"#, "bundles[0].types[0]", "'x' is not"),
      (#"{"version":1,"types":[],"bundles":[{"name":"b","types":[]}]}"#, "bundles[0].types", "no type"),
      (#"{"version":1,"types":[],"dialects":[{"name":"morse"}]}"#, "dialects[0].name", "typed, flat, message"),
      (
        #"{"version":1,"types":[],"dialects":[{"name":"flat","greeting":{"type":"hi","to":["$who"]}}]}"#,
        "dialects[0].greeting.to[0]", "'$who' is not known"
      ),
      (#"{"version":1,"types":[]} x"#, "line 1", "follows the JSON value"),
      (type(#""family":"a""#), "types[0].family", "not its own family"),
      (type(#""family":"b""#), "types[0].family", "'b' is not the name of a type"),
      (
        #"{"version":1,"types":[{"name":"a","roles":[],"family":"b"},{"name":"b","roles":[],"family":"c"},"#
          + #"{"name":"c","roles":[]}]}"#, "types[0].family", "'b' has a family itself"
      ),
      (type(#""key":"id""#), "types[0].key", "no member 'id'"),
      (type(#""key":"id","# + schema), "types[0].key", "no member 'id'"),
      (type(#""key":"list","# + schema), "types[0].key", "'list' must be a string or a number"),
      (type(#""key":"list.n","# + schema), "types[0].key", "no member 'list.n'"),
      (type(#""key":"a..b","# + schema), "types[0].key", "must be the name of a member"),
      (type(#""key":"s","omit":["s"],"# + schema), "types[0].key", "'s' is held back"),
      (type(#""omit":["sss"],"# + schema), "types[0].omit[0]", "no member 'sss'"),
      (type(#""redact":["list.n","list.m"],"# + schema), "types[0].redact[1]", "no member 'list.m'"),
      (type(#""version":0"#), "types[0].version", "from 1 to"),
      (type(#""conflates":"yes""#), "types[0].conflates", "true or false"),
      (type(#""public":true"#), "types[0].public", "for the roles"),
      (type(#""public":true,"personal":true"#), "types[0].public", "cannot be public"),
      (type(#""example":1"#), "types[0].schema", "is missing"),
      (type(schema), "types[0].example", "is missing"),
      (type(#""omit":["s"],"redact":["list","s"],"# + schema), "types[0].redact[1]", "'s' is in 'omit' too"),
      (type(#""state":{"fold":"merge","list":"as"}"#), "types[0].state", "personal and has a key"),
      (type(personalKey + #","state":{"list":"as"}"#), "types[0].state.fold", "is missing"),
      (type(personalKey + #","state":{"fold":"sum","list":"as"}"#), "types[0].state.fold", "merge, fill, position"),
      (type(personalKey + #","state":{"fold":"fill"}"#), "types[0].state", "either 'list' or 'of'"),
      (type(personalKey + #","state":{"fold":"fill","of":"b"}"#), "types[0].state", "'b' is not the name of a type"),
      (type(personalKey + #","state":{"fold":"fill","of":"a"}"#), "types[0].state", "'a' is not the name of a type"),
      (type(personalKey + #","state":{"fold":"merge","list":"as","keep":1}"#), "types[0].state.keep", "is not known"),
      (
        #"{"version":1,"types":[{"name":"a","roles":[],"state":{"fold":"merge","list":"x"},"# + personalKey
          + #"},{"name":"b","roles":[],"state":{"fold":"merge","list":"x"},"# + personalKey + "}]}",
        "types[0].state", "'x' is the list of another type"
      ),
      (type(#""omit":["s","list"],"redact":["list.n"],"# + schema), "types[0].redact[0]", "'omit' takes out 'list'"),
      (type(#""omit":["list.n"],"redact":["s","list"],"# + schema), "types[0].redact[1]", "'omit' takes out 'list.n'"),
      (type(#""example":1,"# + schema), "types[0].example", "must be object"),
      (type(#""example":{},"# + schema), "types[0].example", "lacks 's'"),
      (type(#""example":{"s":1},"# + schema), "types[0].example.s", "must be string"),
      (type(#""example":{"s":"c"},"# + schema), "types[0].example.s", "none of the values"),
      (
        type(#""example":{"s":"a","list":[{"n":1},{"n":"1"}]},"# + schema), "types[0].example.list[1].n",
        "must be number"
      ),
      (type(#""schema":{"type":"text"}"#), "types[0].schema.type", "must be one of object"),
      (type(#""schema":{"kind":"object"}"#), "types[0].schema.kind", "is not known"),
      (type(#""schema":{"required":["x"]}"#), "types[0].schema.required[0]", "none of the properties"),
    ])
  func faults(text: String, member: String, reason: String) throws {
    let error = try #require(throws: EventTypeFileError.self) { _ = try read(text) }
    #expect(error.member == member)
    #expect(error.reason.contains(reason), "\(error)")
    #expect(error.description.hasPrefix("the event types of types.json"))
  }

  @Test(
    "of a member that is wrong the line is told, of one that is missing the line of what lacks it",
    arguments: [
      ("{\"version\":1,\n\"types\":[\n{\"name\":\"a\",\n\"roles\":[\"*\",\n\"boss\"]}]}", "types[0].roles[1]", 5),
      ("{\"version\":1,\n\"types\":[\n{\"name\":\"a\",\"roles\":[],\n\"schema\":{}}]}", "types[0].example", 3),
      ("{\"version\":1,\n\"types\":[\n{\"name\":\"a\",\n\"roles\":[],\n\"name\":\"b\"}]}", "types[0].name", 5),
      ("{\"version\":1,\n\"types\":[],\n\n\"typo\":[]}", "typo", 4), ("\n\n[]", "", 3),
    ])
  func lines(text: String, member: String, line: Int) throws {
    let error = try #require(throws: EventTypeFileError.self) { _ = try read(text) }
    #expect(error.member == member && error.line == line)
    #expect(member.isEmpty || error.description.contains("\(member) (line \(line)): "))
  }

  @Test("EVENT_TYPES_FILE names another file; one that cannot be read is reported by its name")
  func environment() throws {
    let folder = TemporaryFolder()
    let path = Self.write(
      Self.filled(#"{"version":1,"types":[{"name":"only","roles":["*"]}]}"#), to: folder.file("types.json"))
    let table = try EventTypeTable(environment: Environment(["EVENT_TYPES_FILE": path]))
    #expect(table.mayBeSeen("only", by: .viewer) && !table.mayBeSeen("signal", by: .viewer))
    let lags = try #require(throws: EventTypeFileError.self) {
      _ = try EventTypeTable(environment: Environment(["EVENT_TYPES_FILE": folder.file("none.json")]))
    }
    #expect(lags.description.contains("none.json") && lags.reason.contains("No such file"))
    let large = Self.write(String(repeating: " ", count: 300 * 1024), to: folder.file("large.json"))
    let tooLarge = try #require(throws: EventTypeFileError.self) {
      _ = try EventTypeTable(environment: Environment(["EVENT_TYPES_FILE": large]))
    }
    #expect(tooLarge.reason.contains("256 KB"))
  }

  private static func write(_ text: String, to path: String) -> String {
    let file = fopen(path, "w")
    fputs(text, file)
    fclose(file)
    return path
  }

  @Test("a dialect greets with the fields of the connection")
  func greetings() throws {
    let id = try #require(ConnectionID("AbC="))
    let fields = GreetingFields(connectionID: id, user: "u-\"1\"", role: nil, timestamp: "2026-01-02T10:30:01.000Z")
    #expect(
      standard.greeting(of: .typed, fields: fields).map { String(decoding: $0, as: UTF8.self) }
        == #"{"type":"connection_established","data":{"connectionId":"AbC=","userId":"u-\"1\"","#
        + #""timestamp":"2026-01-02T10:30:01.000Z"}}"#)
    #expect(
      standard.greeting(of: .flat, fields: fields).map { String(decoding: $0, as: UTF8.self) }
        == #"{"type":"connection","status":"connected"}"#)
    #expect(standard.greeting(of: .message, fields: fields) == nil)
  }
}
