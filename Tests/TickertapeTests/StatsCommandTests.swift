import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@testable import tickertape

@Suite("tickertape stats")
struct StatsCommandTests {
  private let folder: Scratch
  private var store: String { "sqlite:\(folder.path)/t.sqlite" }

  init() throws { folder = try Scratch() }

  private func run(_ screen: Screen, _ words: String...) -> ExitCode {
    Tool.run(["stats"] + words + ["--store", store], in: screen.context())
  }

  private func count(_ users: [(user: String?, role: Role?)]) throws {
    let connections = Connections(table: try ChosenTable(store, mayCreate: true, in: Screen().context()).table)
    for (number, one) in users.enumerated() {
      let record = ConnectionRecord(
        id: try #require(ConnectionID("C\(number)=")), principal: Principal(user: one.user, role: one.role, groups: []),
        connectedAtMilliseconds: 0)
      _ = try connections.connect(record: record)
    }
    _ = try connections.count(untilMilliseconds: .max)
  }

  @Test("shows the totals that were counted last: all, active, by role, by user, and how old they are")
  func text() throws {
    try count([("u-1", .admin), ("u-2", .viewer), ("u-2", .viewer), (nil, nil)])
    let screen = Screen()
    #expect(run(screen) == .success)
    #expect(
      screen.outputLines == [
        "4 connections, 4 active", "  admin: 1", "  analyst: 0", "  approver: 0", "  viewer: 2", "  none: 1", "2 users",
        "  u-2: 2", "  u-1: 1",
      ])
    #expect(screen.errorText.hasPrefix("Counted 0."), "\(screen.errorText)")
  }

  @Test("--json is one object with the members of a connection manager's statistics and of a metrics endpoint")
  func json() throws {
    try count([("u-1", .admin), ("u-2", .viewer)])
    let screen = Screen()
    #expect(run(screen, "--json") == .success)
    #expect(screen.outputLines.count == 1 && screen.outputText.hasPrefix(#"{"timestamp":"20"#))
    #expect(
      screen.outputText.contains(
        #""ageSeconds":0,"total":2,"active":2,"byRole":{"admin":1,"analyst":0,"approver":0,"viewer":1,"none":0},"#
          + #""totalClients":2,"totalUsers":2,"clientsPerUser":[{"userId":"u-1","clientCount":1},"#
          + #"{"userId":"u-2","clientCount":1}]}"#))
  }

  @Test("where nothing was counted it says so and what counts; where there is no table it makes none")
  func nothing() throws {
    let none = Screen()
    #expect(run(none) == .inputOutput)
    _ = try ChosenTable(store, mayCreate: true, in: Screen().context())
    let empty = Screen()
    #expect(run(empty) == .failure)
    #expect(empty.errorText.contains("no connections were counted") && empty.outputText.isEmpty)
  }

  @Test("a user's name cannot drive the screen")
  func hostile() throws {
    try count([("a\u{1B}[2J\nb", .viewer)])
    let screen = Screen()
    #expect(run(screen) == .success)
    #expect(screen.outputLines.last == #"  a\u001b[2J\nb: 1"#)
  }
}
