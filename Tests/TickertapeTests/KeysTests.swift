import Access
import ConnectionStore
import JSON
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import tickertape

@Suite("tickertape keys")
struct KeysTests {
  private let folder: Scratch
  private var store: String { "sqlite:\(folder.path)/deeper/t.sqlite" }

  init() throws { folder = try Scratch() }

  private func run(_ screen: Screen, _ words: String..., environment: [String: String] = [:]) -> ExitCode {
    Tool.run(["keys"] + words, in: screen.context(environment: environment))
  }

  @Test("a key is shown once, listed without it, and gone when it is revoked")
  func life() throws {
    let made = Screen()
    #expect(
      run(
        made, "create", "--user", "u-1", "--role", "analyst", "--group", "desk,fx", "--group", "g", "--expires", "90d",
        "--label", "my dashboard", "--store", store) == .success)
    let key = try #require(made.outputLines.first)
    #expect(made.outputLines.count == 1 && APIKey(key) != nil)
    #expect(made.errorText.contains("shown once") && !made.errorText.contains(key))

    let listed = Screen()
    #expect(run(listed, "list", "--store", store) == .success)
    #expect(listed.outputLines.count == 1 && !listed.outputText.contains(key))
    for part in ["user u-1", "role analyst", "groups desk,fx,g", "(my dashboard)", "expires 20"] {
      #expect(listed.outputText.contains(part))
    }
    let id = try #require(listed.outputText.split(separator: " ").first.map(String.init))

    let revoked = Screen()
    #expect(run(revoked, "revoke", id, "--store", store) == .success)
    #expect(revoked.outputText.contains("revoked \(id)"))
    let empty = Screen()
    #expect(run(empty, "list", "--store", store) == .success)
    #expect(empty.output.isEmpty && empty.errorText.contains("There are no keys"))
    #expect(run(Screen(), "revoke", id, "--store", store) == .failure)

    let audit = Screen()
    #expect(run(audit, "audit", "--store", store) == .success)
    #expect(audit.outputLines.count == 2)
    #expect(audit.outputLines[0].contains("created  \(id)  user u-1, role analyst"))
    #expect(audit.outputLines[1].contains("revoked  \(id)") && !audit.outputText.contains(key))
  }

  @Test("as JSON everything can be read by a program, and a key revokes itself")
  func json() throws {
    let made = Screen()
    #expect(run(made, "create", "--user", "u-1", "--json", environment: ["CONNECTION_STORE": store]) == .success)
    let members = try #require(JSONMembers(made.output))
    let key = try #require(members.string("key"))
    #expect(members.string("id") == APIKey(key)?.hash && members.string("role") == "viewer")
    #expect(members["expires"] == nil)

    let listed = Screen()
    #expect(run(listed, "list", "--json", environment: ["CONNECTION_STORE": store]) == .success)
    let first = try #require(JSONMembers.elements(of: listed.output[...])?.first.flatMap { JSONMembers($0) })
    #expect(first.string("id") == members.string("id") && first.string("key") == nil)

    let revoked = Screen()
    #expect(run(revoked, "revoke", key, "--json", environment: ["CONNECTION_STORE": store]) == .success)
    #expect(JSONMembers(revoked.output)?["revoked"].map { text($0) } == "true")
  }

  @Test(
    "what cannot be is refused before any table is opened",
    arguments: [
      [], ["make"], ["create"], ["create", "--user", ""], ["create", "--user", "u", "--role", "root"],
      ["create", "--user", "u", "--expires", "soon"], ["create", "--user", "u", "--expires", "2027-02-29"],
      ["create", "--user", "u", "--expires", "2020-01-01"], ["create", "--user", "u", "--expires", "0d"],
      ["create", "--user", "u", "more"], ["list", "--user", "u"], ["list", "x"], ["revoke"], ["revoke", "abc"],
      ["revoke", "tt_short"], ["list", "--store", "memory:"], ["create", "--user", "a\nb"],
      ["create", "--user", "a\u{202E}b"], ["create", "--user", "u", "--group", "g,a\u{9B}"],
      ["create", "--user", "u", "--label", "l\u{2028}"],
    ])
  func refusals(words: [String]) {
    let screen = Screen()
    let code = Tool.run(
      ["keys"] + words + (words.contains("--store") ? [] : ["--store", "sqlite:\(folder.path)/t"]),
      in: screen.context())
    #expect(code == .usage, "\(screen.errorText)")
    #expect(screen.output.isEmpty && !screen.errorText.isEmpty)
  }

  @Test("only create makes a table; what only reads says that there is none, and leaves none behind")
  func noTable() {
    for words in [["list"], ["audit"], ["revoke", "3f9a6c21"]] {
      let screen = Screen()
      #expect(Tool.run(["keys"] + words + ["--store", store], in: screen.context()) == .inputOutput)
      #expect(screen.errorText.contains("there is no table at \(folder.path)/deeper/t.sqlite"))
      #expect(screen.output.isEmpty && !System.exists(path: "\(folder.path)/deeper"))
    }
  }

  @Test(
    "a key may end after a time, or with a day",
    arguments: [
      ("90d", 1_807_776_000), ("12h", 1_800_043_200), ("30m", 1_800_001_800), ("never", nil),
      ("2027-01-31", 1_801_440_000), ("2028-02-29", 1_835_481_600), ("2099-12-31", 4_102_444_800),
    ] as [(String, Int64?)])
  func expiry(text: String, seconds: Int64?) throws {
    let keyOptions = try KeyOptions(Arguments(["create", "--user", "u", "--expires", text], for: KeysCommand.syntax))
    #expect(try keyOptions.grant(secondsSinceEpoch: 1_800_000_000).expires == seconds)
  }
}
