import EventLog
import Messaging
import TableBackends
import TestSupport
import Testing

@Suite("many processes at one log")
struct ManyAppendersTests {
  private let folder = TemporaryFolder()
  private let stream = "all/price:update"

  private struct Line {
    let verb: Substring
    let key: String
    let sequence: Int64
  }

  private func lines(_ output: String) throws -> [Line] {
    try output.split(separator: "\n").map { line in
      let words = line.split(separator: " ")
      try #require(words.count == 3, "\(line)")
      return Line(verb: words[0], key: String(words[1]), sequence: try #require(Int64(words[2])))
    }
  }

  @Test(
    "eight appenders and a reader: no hole, every event once, every idempotency key once and known to all",
    .timeLimit(.minutes(10)))
  func eight() throws {
    let path = folder.file("table.db")
    // They also create the file and the log, all at once.
    let appenders = try (1...8).map { seed in
      try TestProgram("LogStress", ["append", path, stream, "\(seed)", "30", "200"])
    }
    let reader = try TestProgram("LogStress", ["follow", path, stream])
    var said: [Line] = []
    for appender in appenders {
      #expect(appender.wait() == 0, "\(appender.output.suffix(300))")
      said += try lines(appender.output)
    }
    var log = StreamLog(table: try SQLiteTable(path: path, busyMilliseconds: 60_000))
    _ = try log.append([Event(type: "price:update", data: bytes("1"), id: "end", timestamp: "")], to: stream)
    #expect(reader.wait() == 0, "\(reader.output.suffix(300))")

    let appended = said.filter { $0.verb == "appended" }
    #expect(appended.map(\.sequence).sorted() == Array(1...Int64(appended.count)))
    let sequences = Dictionary(appended.map { ($0.key, $0.sequence) }, uniquingKeysWith: { _, _ in -1 })
    #expect(!sequences.values.contains(-1), "a key was appended twice")
    #expect(sequences.keys.count { $0.hasPrefix("key-") } == 200)
    #expect(said.count { $0.verb == "known" } == 7 * 200)
    for line in said where line.verb == "known" { #expect(sequences[line.key] == line.sequence, "\(line.key)") }
    #expect(reader.output.split(separator: "\n").count == appended.count + 1)
  }
}
