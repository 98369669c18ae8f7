import ConnectionStore
import EventLog
import Messaging
import TestSupport
import Testing

@testable import tickertape

@Suite("tickertape log")
struct LogCommandTests {
  private let folder: Scratch
  private var store: String { "sqlite:\(folder.path)/t.sqlite" }

  init() throws { folder = try Scratch() }

  private func run(_ screen: Screen, _ words: String...) -> ExitCode {
    Tool.run(["log"] + words + ["--store", store], in: screen.context())
  }

  @Test("shows the events of a stream in order, a part of them, or where its log stands")
  func show() throws {
    var log = StreamLog(table: try ChosenTable(store, mayCreate: true, in: Screen().context()).table)
    let events = (1...700).map {
      Event(type: "signal", key: "k", audience: .everyone, data: bytes("\($0)"), id: "1-\($0)", timestamp: "")
    }
    _ = try log.append(events, to: "all/signal")
    let all = Screen()
    #expect(run(all, "all/signal") == .success)
    #expect(all.outputLines.count == 700 && all.outputLines.last?.hasSuffix(#""data":700}"#) == true)
    let some = Screen()
    #expect(run(some, "all/signal", "--after", "510", "--limit", "3") == .success)
    #expect(some.outputLines.map { $0.suffix(4) } == ["511}", "512}", "513}"])
    let head = Screen()
    #expect(run(head, "all/signal", "--head") == .success)
    #expect(head.outputText.contains(#""last":700,"deliveredThrough":0}"#))
  }

  @Test("what is no stream, and a stream without a log, are told apart")
  func nothing() throws {
    let wrong = Screen()
    #expect(run(wrong, "signal") == .usage)
    #expect(wrong.errorText.contains("all/TYPE, user/USER or group/GROUP"))
    let none = Screen()
    #expect(run(none, "all/signal") == .inputOutput)
    #expect(none.errorText.contains("there is no table at \(folder.path)/t.sqlite"))
    _ = try ChosenTable(store, mayCreate: true, in: Screen().context())
    let empty = Screen()
    #expect(run(empty, "all/signal") == .failure)
    #expect(empty.errorText.contains("has no log of all/signal"))
  }
}
