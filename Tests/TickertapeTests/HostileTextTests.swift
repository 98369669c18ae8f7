import Access
import ConnectionStore
import EventLog
import JSON
import Messaging
import Synchronization
import TestSupport
import Testing
import WebSocketWire

@testable import tickertape

/// Texts from outside with everything in them that a screen obeys.
private struct HostileTexts {
  var generator: SeededGenerator

  private static let scalars: [Unicode.Scalar] = [
    "\u{0}", "\u{7}", "\u{8}", "\t", "\n", "\r", "\u{1B}", "\u{1F}", "\u{7F}", "\u{80}", "\u{85}", "\u{9B}", "\u{9D}",
    "\u{AD}", "\u{61C}", "\u{200B}", "\u{200D}", "\u{200E}", "\u{2028}", "\u{2029}", "\u{202A}", "\u{202E}",
    "\u{2060}", "\u{2066}", "\u{2069}", "\u{FEFF}", "\u{FFF9}", "\u{E0001}", "a", "\"", "\\", "é", "📈", "[", "2", "J",
  ]

  mutating func text() -> String {
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 1...12, using: &generator) {
      text.append(Self.scalars.randomElement(using: &generator)!)
    }
    return String(text)
  }

  /// As bytes, now and then not UTF-8.
  mutating func bytes() -> [UInt8] {
    var bytes = Array(text().utf8)
    if Bool.random(using: &generator) { bytes.insert(UInt8.random(in: 0x80...0xFF, using: &generator), at: 0) }
    return bytes
  }
}

/// What is wrong with an output that must consist of so many harmless lines; nil if nothing is.
private func fault(in output: [UInt8], lines: Int) -> String? {
  guard UTF8Sequence.isValid(output) else { return "not UTF-8" }
  let text = text(output)
  if let scalar = text.unicodeScalars.first(where: { $0 != "\n" && ControlCharacter.isHidden($0) }) {
    return "U+\(String(scalar.value, radix: 16)) in \(text.debugDescription)"
  }
  let count = text.unicodeScalars.count { $0 == "\n" }
  return count == lines ? nil : "\(count) lines instead of \(lines): \(text.debugDescription)"
}

@Suite("What comes from outside", .timeLimit(.minutes(10)))
struct HostileTextTests {
  private let seed = UInt64.random(in: 0...UInt64.max)
  private var texts: HostileTexts { HostileTexts(generator: SeededGenerator(seed)) }

  @Test("is one harmless line when it is shown, and as JSON still the same JSON")
  func escapes() throws {
    var texts = texts
    for _ in 0..<2_000 {
      let text = texts.text()
      let shown: ScreenText = "\(text)"
      #expect(fault(in: Array(shown.text.utf8), lines: 0) == nil, "seed \(seed)")
      var writer = JSONWriter()
      writer.object { $0.member(text, text) }
      let json = bytes(ScreenText.oneLine(writer.bytes))
      #expect(fault(in: json, lines: 0) == nil, "seed \(seed)")
      let members = try #require(JSONMembers(json), "seed \(seed): \(TestSupport.text(json))")
      #expect(members.string(text).map { Array($0.utf8) } == Array(text.utf8), "seed \(seed)")
    }
  }

  @Test("every character that Unicode calls a control, a format or a line separator is escaped")
  func allHidden() {
    // The planes that hold any such character.
    for value in Array(UInt32(0)...0x1FFFF) + Array(0xE0000...0xE0FFF) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let isHidden =
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
      if isHidden {
        #expect(bytes(ScreenText.escaped(String(scalar))).allSatisfy { 0x20..<0x7F ~= $0 }, "U+\(value)")
      } else if ControlCharacter.isHidden(scalar) || ControlCharacter.isForbiddenInNames(scalar) {
        Issue.record("U+\(String(value, radix: 16)) is shown by Unicode, and not here")
      }
    }
  }

  @Test("in frames makes watch print one line an event, as text and as JSON", arguments: [false, true])
  func watch(asJSON: Bool) throws {
    var texts = texts
    var frames: [String] = []
    for _ in 0..<100 {
      var writer = JSONWriter()
      writer.object { writer in
        writer.member("type", "t" + texts.text())
        writer.member("key", texts.text())
        writer.member("timestamp", "2026-01-02T" + texts.text() + "10:30:01.000Z")
        writer.key("data")
        writer.array { $0.string(texts.text()) }
      }
      // White space between the values of a JSON text may be line ends too.
      frames.append(text(writer.bytes.flatMap { $0 == UInt8(ascii: ",") ? [$0, 0x0A, 0x09] : [$0] }))
    }
    let server = WatchTests.server(frames)
    defer { server.stop() }
    let screen = Screen()
    let code = Tool.run(
      ["watch", WatchTests.url(server), "--no-hello", "--count", "100"] + (asJSON ? ["--json"] : []),
      in: screen.context())
    #expect(code == .success, "seed \(seed): \(screen.errorText)")
    #expect(fault(in: screen.output, lines: 100) == nil, "seed \(seed)")
    if asJSON { for line in screen.outputLines { #expect(JSONMembers(line.utf8) != nil, "seed \(seed): \(line)") } }
  }

  @Test("in a table makes log, keys list and keys audit print one line a row")
  func table() throws {
    var texts = texts
    let folder = try Scratch()
    let store = "sqlite:\(folder.path)/t.sqlite"
    // An older release, or another program with the table's credentials, wrote what this one refuses.
    let table = try ChosenTable(store, mayCreate: true, in: Screen().context()).table
    var log = StreamLog(table: table)
    var events: [Event] = []
    for number in 0..<50 {
      var writer = JSONWriter()
      writer.string(texts.text())
      events.append(
        Event(
          type: "signal", key: texts.text(), audience: .everyone, data: writer.bytes, id: "1-\(number)", timestamp: ""))
      let principal = Principal(user: texts.text(), role: .viewer, groups: [texts.text()])
      _ = try APIKeys(table: table).create(KeyGrant(principal: principal, expires: nil, label: texts.text()))
    }
    _ = try log.append(events, to: "all/signal")
    for (words, lines) in [
      (["log", "all/signal"], 50), (["keys", "list"], 50), (["keys", "list", "--json"], 1), (["keys", "audit"], 50),
      (["keys", "audit", "--json"], 50),
    ] {
      let screen = Screen()
      #expect(Tool.run(words + ["--store", store], in: screen.context()) == .success, "\(screen.errorText)")
      #expect(fault(in: screen.output, lines: lines) == nil, "seed \(seed): \(words)")
    }
  }

  @Test("in the answers of an endpoint, in a file and in arguments is shown in one line each")
  func commands() throws {
    var texts = texts
    for _ in 0..<100 {
      let body = texts.bytes()
      var rejection = JSONWriter()
      rejection.object { writer in
        writer.member("accepted", 0)
        writer.key("errors")
        writer.array { writer in
          writer.object { writer in
            writer.member("index", 0)
            writer.member("message", texts.text())
          }
        }
      }
      let answers = [
        InvokeAPI.Answer(status: 500, body: body), .init(status: 200, functionError: text(body), body: body),
        .init(status: 200, body: body), .init(status: 200, body: rejection.bytes),
      ]
      for answer in answers {
        let screen = Screen()
        let code = screen.run("publish", "a", in: screen.context { _ in answer })
        #expect(code != .success)
        #expect(fault(in: screen.output, lines: screen.output.isEmpty ? 0 : 1) == nil, "seed \(seed)")
        let lines = screen.errors.count { $0 == 0x0A }
        #expect((1...3).contains(lines) && fault(in: screen.errors, lines: lines) == nil, "seed \(seed)")
      }
      for words in [
        [texts.text()], ["--" + texts.text()], ["publish", "a", "--data", texts.text()], ["log", texts.text()],
        ["publish", "--file", "/nowhere/" + texts.text()], ["watch", texts.text()], ["keys", texts.text()],
        ["serve", "--route", "a=" + texts.text()], ["feed", "/nowhere/" + texts.text()],
        ["keys", "create", "--user", texts.text() + "\u{1B}"], ["publish", "a", "--function", texts.text()],
      ] {
        let screen = Screen()
        #expect(Tool.run(words, in: screen.context { _ in .init(status: 200, body: "") }) != .success)
        let lines = screen.errors.count { $0 == 0x0A }
        #expect((1...5).contains(lines) && fault(in: screen.errors, lines: lines) == nil, "seed \(seed): \(words)")
      }
    }
  }
}
