import HTTPClient
import JSON
import Telemetry
import TestSupport
import Testing

@testable import tickertape

@Suite("Publishing many lines")
struct PublishLinesTests {
  private func events(_ count: Int) -> String {
    (1...count).map { #"{"type":"a","data":\#($0)}"# + "\n" }.joined()
  }

  private func run(
    _ screen: Screen, _ words: [String], input: String, exchange: @escaping InvokeAPI.Exchange
  ) -> ExitCode {
    Tool.run(["publish", "-"] + words, in: screen.context(input: input, exchange: exchange))
  }

  @Test("a line that is too long is rejected by its number, and the rest goes on")
  func tooLong() {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let long = #"{"type":"a","data":""# + String(repeating: "x", count: LineReader.maximumBytes) + #""}"#
    let source = ByteSource.text(events(1) + long + "\n" + events(1) + long, pieceBytes: 60_000)
    var context = screen.context(exchange: publisher.exchange)
    context.input = { source }
    #expect(screen.run("publish", "-", in: context) == .failure)
    #expect(publisher.events == [#"{"type":"a","data":1}"#, #"{"type":"a","data":1}"#])
    #expect(
      screen.errorText == [2, 4].map { "rejected: line \($0): longer than 1,048,576 bytes\n" }.joined())
    #expect(screen.outputText == "2 accepted, 2 rejected, 4 deliveries\n")
  }

  @Test(
    "a line nested deeper than an event may be is rejected by its number, and the rest goes on",
    arguments: [65, 98, 99, 200])
  func tooDeep(levels: Int) {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    func event(levels: Int) -> String {
      #"{"type":"a","data":"# + String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1)
        + "}"
    }
    let lines = [event(levels: 64), event(levels: levels), event(levels: 2)]
    #expect(run(screen, [], input: lines.joined(separator: "\n"), exchange: publisher.exchange) == .failure)
    #expect(publisher.events == [lines[0], lines[2]])
    #expect(
      screen.errorText.hasPrefix("rejected: line 2: nested deeper than 64 levels at byte "), "\(screen.errorText)")
    #expect(screen.outputText == "2 accepted, 1 rejected, 4 deliveries\n")
  }

  @Test("a source that ends before the line to resume from is refused, and the line after its last is not")
  func resumedBehindTheEnd() {
    let publisher = ScriptedPublisher()
    let (screen, behind) = (Screen(), Screen())
    #expect(run(screen, ["--resume-from", "4"], input: events(3), exchange: publisher.exchange) == .success)
    #expect(run(behind, ["--resume-from", "5000"], input: events(3), exchange: publisher.exchange) == .usage)
    #expect(
      behind.errorText.contains("ends with line 3, before line 5,000, which --resume-from names; nothing was sent"),
      "\(behind.errorText)")
    #expect(publisher.payloads.isEmpty)
  }

  @Test("an endpoint that goes between two batches: what is published and what was not sent is reported")
  func gone() throws {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let code = run(screen, ["--batch", "2"], input: "\n" + events(2) + "bad\n" + events(3)) {
      request throws(HTTPClientError) in
      guard publisher.payloads.count < 2 else {
        throw HTTPClientError(
          .notConnected, tried: "POST", host: "http://127.0.0.1:8000", message: "Connection refused")
      }
      return try publisher.exchange(request)
    }
    #expect(code == .unavailable)
    #expect(screen.outputText == "4 accepted, 1 rejected, 8 deliveries\n")
    let lines = screen.errorText.split(separator: "\n").map(String.init)
    #expect(
      Array(lines[1...3]) == [
        "lines 1 to 6 are published but for those rejected (line 4)", "line 7 and what follows was not sent",
        "--resume-from 7 goes on there",
      ])
    #expect(lines[4].hasPrefix("tickertape: http://127.0.0.1:8000 cannot be used"))
  }

  @Test(
    "an answer that was lost, or that none can read, leaves its lines unknown, and they are named",
    arguments: ["closed", "500", "failed", "garbage"])
  func unknown(kind: String) throws {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let code = run(screen, ["--batch", "2", "--json"], input: events(5)) { request throws(HTTPClientError) in
      guard publisher.payloads.count == 1 else { return try publisher.exchange(request) }
      switch kind {
      case "closed": throw HTTPClientError(.closed, tried: "POST", host: "http://h", message: "closed")
      case "500": return .init(status: 500, body: "{}")
      case "failed": return .init(status: 200, functionError: "Unhandled", body: #"{"errorMessage":"timed out"}"#)
      default: return .init(status: 200, body: "<html>")
      }
    }
    #expect(code == (kind == "failed" ? .failure : .unavailable))
    #expect(publisher.payloads.count == 1)
    let summary = try #require(screen.outputLines.last.flatMap { JSONMembers($0.utf8) }?["summary"])
    #expect(
      text(summary)
        == #"{"accepted":2,"rejected":0,"deliveries":4,"failed":0,"complete":false,"rejectedLines":[],"unknownLines":[3,4],"#
        + #""notSentFrom":5,"resumeFrom":3}"#)
    #expect(screen.errorText.contains("lines 1 to 2 are published\n"))
    #expect(screen.errorText.contains("lines 3 to 4 were sent and not answered: may be published or not\n"))
    #expect(screen.errorText.contains("--resume-from 3 goes on there; events with idempotency keys"))
  }

  @Test("what an endpoint refuses before its function runs was not sent", arguments: [400, 403, 404, 413])
  func refused(status: Int) {
    let screen = Screen()
    let code = run(screen, ["--resume-from", "2"], input: events(5)) { _ in .init(status: status, body: "{}") }
    #expect(code == .unavailable)
    #expect(screen.errorText.hasPrefix("line 2 and what follows was not sent\n--resume-from 2 goes on there\n"))
  }

  @Test("an endpoint that stays busy is given up, and nothing of the batch was sent")
  func busy() {
    let screen = Screen()
    var context = screen.context(input: events(1)) { _ in .init(status: 429, body: "{}") }
    // The shortest pauses that can be drawn.
    context.randomness = Randomness { 1 << 40 }
    #expect(screen.run("publish", "-", in: context) == .unavailable)
    #expect(screen.errorText.hasPrefix("line 1 and what follows was not sent\n"))
  }

  @Test("a run is resumed at the line where it stopped, and blank and rejected lines keep their numbers")
  func resumption() {
    let input = events(2) + "\nbad\n" + events(3)
    let publisher = ScriptedPublisher()
    let screen = Screen()
    #expect(run(screen, ["--resume-from", "4"], input: input, exchange: publisher.exchange) == .failure)
    #expect(publisher.events == [1, 2, 3].map { #"{"type":"a","data":\#($0)}"# })
    #expect(screen.errorText.hasPrefix("rejected: line 4: "))
  }

  @Test("a run with a name gives each event a key of its line, so that lines sent twice are one event")
  func keys() {
    let publisher = ScriptedPublisher()
    let input = #"{"type":"a","data":1}"# + "\n\n {}\n" + #"{"idempotencyKey":"own","type":"a","data":2}"# + "\n"
    #expect(run(Screen(), ["--run", "r 1\""], input: input, exchange: publisher.exchange) == .success)
    #expect(
      publisher.events == [
        ##"{"idempotencyKey":"r 1\"#1","type":"a","data":1}"##, ##"{"idempotencyKey":"r 1\"#3"}"##,
        #"{"idempotencyKey":"own","type":"a","data":2}"#,
      ])
    let again = ScriptedPublisher()
    #expect(
      run(Screen(), ["--run", "r 1\"", "--resume-from", "3"], input: input, exchange: again.exchange) == .success)
    #expect(again.events == Array(publisher.events.dropFirst()))
  }

  @Test("a source that breaks is reported with its reason, after what had come of it was published")
  func brokenSource() {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    var pieces = [events(3)]
    let source = ByteSource(
      name: "pipe",
      next: { () throws(SystemFailure) in
        guard let piece = pieces.popLast() else { throw SystemFailure("read", "pipe", number: 5) }
        return bytes(piece)
      })
    var context = screen.context(exchange: publisher.exchange)
    context.input = { source }
    #expect(screen.run("publish", "-", in: context) == .inputOutput)
    #expect(publisher.events.count == 3)
    #expect(screen.errorText.hasPrefix("lines 1 to 3 are published\nline 4 and what follows was not sent\n"))
    #expect(screen.errorText.contains("cannot read pipe: Input/output error"))
  }

  @Test("where nobody reads the answers any more, the batch is not sent twice, and is reported as published")
  func brokenOutput() {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let terminal = Terminal(
      output: { _ throws(SystemFailure) in throw SystemFailure("write", number: 32) },
      errors: { bytes throws(SystemFailure) in screen.remember(bytes) })
    var context = CommandContext(terminal: terminal, makeExchange: { _, _ in publisher.exchange })
    let input = events(4)
    context.input = { .text(input, pieceBytes: 1000) }
    #expect(Tool.run(["publish", "-", "--batch", "2", "--json"], in: context) == .inputOutput)
    #expect(publisher.payloads.count == 1)
    #expect(screen.errorText.hasPrefix("lines 1 to 2 are published\nline 3 and what follows was not sent\n"))
  }

  @Test("a byte order mark is no content, wherever the pieces end", arguments: 1...4)
  func byteOrderMark(pieceBytes: Int) {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let source = ByteSource.bytes(ByteOrderMark.bytes + bytes(events(2)), pieceBytes: pieceBytes)
    var context = screen.context(exchange: publisher.exchange)
    context.input = { source }
    #expect(screen.run("publish", "-", in: context) == .success, "\(screen.errorText)")
    #expect(publisher.events == [1, 2].map { #"{"type":"a","data":\#($0)}"# })
  }

  @Test("CRLF, no last line end, NUL bytes, text that is not UTF-8 and other encodings are reported line by line")
  func hostileLines() {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let good = #"{"type":"a","data":1}"#
    let content =
      bytes(good + "\r\n") + [0, 0, 0x0A] + bytes("{\"type\":\"a") + [0xFF] + bytes("\",\"data\":1}\n")
      + [0xFF, 0xFE, 0x7B, 0, 0x7D, 0, 0x0A] + bytes("\r\n\t \n" + good)
    let source = ByteSource.bytes(content, pieceBytes: 9)
    var context = screen.context(exchange: publisher.exchange)
    context.input = { source }
    #expect(screen.run("publish", "-", in: context) == .failure)
    #expect(publisher.events == [good, good])
    for line in 2...4 { #expect(screen.errorText.contains("rejected: line \(line): ")) }
    #expect(screen.outputText.hasPrefix("2 accepted, 3 rejected"))
  }

  @Test("of many rejected lines twenty are reported one by one, and the numbers of all at the end")
  func manyRejected() {
    let screen = Screen()
    let input = String(repeating: "bad\n", count: 30) + "{}\n" + String(repeating: "bad\n", count: 2)
    let code = run(screen, [], input: input, exchange: ScriptedPublisher().exchange)
    #expect(code == .failure)
    let lines = screen.errorText.split(separator: "\n")
    #expect(lines.count == 22)
    #expect(lines.last == "rejected in all: lines 1 to 30, 32 to 33")
  }

  @Test("of numbers of lines, ranges are kept, and of too many only how many they are")
  func ranges() {
    var ranges = LineRanges()
    for line in [2, 3, 4, 4, 7] { ranges.append(line) }
    #expect(ranges.text == "lines 2 to 4, 7" && ranges.ranges == [2...4, 7...7])
    for line in 0..<5_000 { ranges.append(10 + 2 * line) }
    #expect(ranges.ranges.count == LineRanges.maximumRanges && ranges.leftOut == 5_002 - LineRanges.maximumRanges)
    #expect(LineRanges(3...3).text == "line 3")
  }

  @Test(
    "what makes no sense is refused before anything is sent",
    arguments: [
      ["publish", "a", "--resume-from", "2"], ["publish", "a", "--run", "r"], ["publish", "-", "--resume-from", "0"],
      ["publish", "-", "--run", ""], ["publish", "-", "--run", "a\nb"], ["publish", "-", "--timeout", "0"],
      ["publish", "-", "--timeout", "901"],
    ])
  func refusals(words: [String]) {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    #expect(Tool.run(words, in: screen.context(exchange: publisher.exchange)) == .usage)
    #expect(publisher.payloads.isEmpty && !screen.errorText.isEmpty)
  }
}
