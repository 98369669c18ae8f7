import Glibc
import HTTPClient
import TestSupport
import Testing

@testable import tickertape

@Suite("Feeding a file")
struct FeedTests {
  static let bars = """
    date,symbol,open,high,low,close,volume
    2018-01-02,AAPL,170.16,172.30,169.26,172.26,25555934
    2018-01-02,MSFT,86.125,86.31,85.5,85.95,22483797
    2018-01-03,AAPL,172.53,174.55,,172.23,29517899

    """

  @Test("a bar becomes an event whose numbers stand as they stood in the file")
  func bar() throws {
    var reader = try CSVReader(.text(Self.bars))
    let shape = try EventShape(type: "price:update", key: "symbol", fields: [], columns: reader.columns)
    let record = try #require(try reader.next())
    #expect(
      text(shape.event(from: record))
        == #"{"type":"price:update","key":"AAPL","data":{"symbol":"AAPL","price":172.26,"open":170.16,"high":172.30,"#
        + #""low":169.26,"volume":25555934,"date":"2018-01-02"}}"#)
  }

  @Test(
    "a field is a number only if it is one in JSON, and null if it is empty",
    arguments: zip(
      ["152.50", "007", "-0", "1e5", "+1", ".5", "NaN", "", " 1", "1 ", "\"", "true", "12345678901234567890"],
      [
        "152.50", "\"007\"", "-0", "1e5", "\"+1\"", "\".5\"", "\"NaN\"", "null", "\" 1\"", "\"1 \"", #""\"""#,
        "\"true\"", "12345678901234567890",
      ]))
  func fields(field: String, expected: String) throws {
    let shape = try EventShape(type: "t", key: nil, fields: ["v"], columns: ["v"])
    #expect(text(shape.event(from: [bytes(field)])) == #"{"type":"t","data":{"v":\#(expected)}}"#)
  }

  @Test("columns can be chosen and renamed; one that is missing is named with those that are there")
  func columns() throws {
    let shape = try EventShape(type: "t", key: "id", fields: ["price=last", "id"], columns: ["id", "last", "x"])
    #expect(
      text(shape.event(from: [bytes("7"), bytes("1.10"), bytes("y")]))
        == #"{"type":"t","key":"7","data":{"price":1.10,"id":7}}"#)
    let failure = #expect(throws: CommandFailure.self) {
      try EventShape(type: "t", key: "sybmol", fields: [], columns: ["date", "symbol"])
    }
    #expect(failure?.message == "there is no column 'sybmol'; did you mean symbol?")
    #expect(failure?.advice == ["the columns are date, symbol"])
  }

  @Test("all records go out in their order, in batches, and the summary counts what came of them")
  func feeding() throws {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let context = screen.context(input: Self.bars, exchange: publisher.exchange)
    #expect(screen.run("feed", "-", "--rate", "max", "--key", "symbol", "--batch", "2", in: context) == .success)
    #expect(publisher.payloads.count == 2)
    #expect(publisher.events.count == 3)
    #expect(publisher.events[2].contains(#""low":null"#))
    #expect(screen.outputText.hasPrefix("fed 3 events in "))
    #expect(screen.outputText.hasSuffix(": 3 accepted, 6 deliveries\n"))
  }

  @Test(
    "a Ctrl-C that stopped the gateway too, in the middle of a batch, is an interruption and not a fault of the gateway"
  )
  func interruptedTogether() throws {
    for wasInterrupted in [true, false] {
      var pair: [Int32] = [-1, -1]
      try #require(pipe(&pair) == 0)
      let ends = pair
      defer { for end in ends { close(end) } }
      let screen = Screen()
      var context = screen.context(input: Self.bars) { request throws(HTTPClientError) in
        if wasInterrupted { _ = write(ends[1], [2], 1) }
        throw HTTPClientError(.notConnected, tried: "POST", host: request.url.origin, message: "refused")
      }
      context.signal = { TerminationSignal(descriptor: ends[0]) }
      let code = screen.run("feed", "-", "--rate", "max", in: context)
      #expect(code == (wasInterrupted ? .interrupted : .unavailable))
      #expect(screen.errorText.isEmpty == wasInterrupted, "\(screen.errorText)")
    }
  }

  @Test("--limit ends the feed in the middle of a batch, --json gives one object")
  func limit() throws {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let context = screen.context(input: Self.bars, exchange: publisher.exchange)
    let code = screen.run("feed", "-", "--rate", "max", "--limit", "1", "--json", in: context)
    #expect(code == .success)
    #expect(publisher.events.count == 1)
    let summary = try #require(JSONMembers(screen.output))
    #expect(summary.integer("events") == 1 && summary.integer("accepted") == 1 && summary.integer("deliveries") == 2)
    #expect(screen.outputLines.count == 1)
  }

  @Test("--loop begins the file again until the limit, and each event says in which pass it stands")
  func loop() throws {
    let scratch = try Scratch()
    let path = scratch.write("bars.csv", Self.bars)
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let context = screen.context(exchange: publisher.exchange)
    #expect(screen.run("feed", path, "--rate", "max", "--loop", "--limit", "7", in: context) == .success)
    #expect(publisher.events.count == 7)
    #expect(publisher.events[0].hasSuffix(#""date":"2018-01-02","pass":1}}"#))
    let unnumbered = publisher.events.map { $0.replacing(/,"pass":[0-9]+/, with: "") }
    #expect(unnumbered[0] == unnumbered[3] && unnumbered[3] == unnumbered[6])
    #expect(publisher.events.map { $0.firstMatch(of: /"pass":([0-9]+)/)?.1 } == ["1", "1", "1", "2", "2", "2", "3"])
  }

  @Test("several files are one feed; a pass is all of them, and a column of that name is left as it is")
  func severalFiles() throws {
    let scratch = try Scratch()
    let paths = [scratch.write("a.csv", "symbol,pass\nA,7\n"), scratch.write("b.csv", "symbol,price\nB,1\n")]
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let options = ["--rate", "max", "--loop", "--limit", "4"]
    #expect(
      screen.run(
        "feed", paths[0], paths[1], options[0], options[1], options[2], options[3], options[4],
        in: screen.context(exchange: publisher.exchange)) == .success)
    #expect(
      publisher.events.map { $0.firstMatch(of: /"data":(.*)\}/)?.1 } == [
        #"{"symbol":"A","pass":7}"#, #"{"price":1,"symbol":"B","pass":1}"#, #"{"symbol":"A","pass":7}"#,
        #"{"price":1,"symbol":"B","pass":2}"#,
      ])
  }

  @Test("without --loop nothing is said of passes")
  func noPass() throws {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    #expect(
      screen.run("feed", "-", "--rate", "max", in: screen.context(input: Self.bars, exchange: publisher.exchange))
        == .success)
    #expect(!publisher.events.contains { $0.contains("pass") })
  }

  @Test("a bad line ends the feed with its number, and the good ones before it have gone out")
  func badLine() {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let context = screen.context(input: "a,b\n1,2\n3,4\n5\n", exchange: publisher.exchange)
    #expect(screen.run("feed", "-", "--rate", "max", in: context) == .failure)
    #expect(publisher.events.count == 2)
    #expect(screen.errorText.contains("line 4: 1 field instead of 2"))
    #expect(screen.outputText.contains("fed 2 events"))
  }

  @Test("a missing file, a directory and an empty file are told apart")
  func files() {
    let missing = Screen()
    #expect(
      missing.run("feed", "/nowhere/x.csv", in: missing.context(exchange: ScriptedPublisher().exchange))
        == .inputOutput)
    #expect(missing.errorText.contains("cannot read /nowhere/x.csv: No such file or directory"))
    let directory = Screen()
    #expect(
      directory.run("feed", "/tmp", in: directory.context(exchange: ScriptedPublisher().exchange)) == .inputOutput)
    #expect(directory.errorText.contains("/tmp is a directory"))
    let empty = Screen()
    let context = empty.context(input: "a,b\n", exchange: ScriptedPublisher().exchange)
    #expect(empty.run("feed", "-", in: context) == .failure)
    #expect(empty.errorText.contains("holds no records"))
  }

  @Test("on a screen the bar redraws itself, within the width, and is gone before the summary")
  func progress() {
    let bar = ProgressBar(fraction: 0.45, facts: ["8,200 events", "200/s"])
    #expect(bar.text(columns: 80) == "[#############                 ]  45%  8,200 events  200/s")
    for columns in 20...200 { #expect(bar.text(columns: columns).count < columns) }
    #expect(ProgressBar(fraction: nil, facts: ["1 event"]).text(columns: 80) == "1 event")
    #expect(ProgressBar(fraction: 7, facts: []).text(columns: 80).contains("100%"))
  }

  @Test("batches are due at even distances, and lost time is not made up for in a burst")
  func pace() {
    var pace = Pace(rate: 200, now: 1000)
    #expect(pace.delayMilliseconds(now: 1000) == 0)
    pace.record(sent: 20)
    #expect(pace.delayMilliseconds(now: 1000) == 100)
    #expect(pace.delayMilliseconds(now: 1060) == 40)
    #expect(pace.delayMilliseconds(now: 1500) == 0)
    pace.record(sent: 20)
    #expect(pace.delayMilliseconds(now: 9000) == 0)
    pace.record(sent: 20)
    #expect(pace.delayMilliseconds(now: 9000) == 100)
    #expect(Pace.batchSize(rate: 200) == 20)
    #expect(Pace.batchSize(rate: 0.5) == 1)
    #expect(Pace.batchSize(rate: nil) == 100)
  }

  @Test("figures are grouped, counted and rounded as people read them")
  func figures() {
    #expect(
      Figures.grouped(1_234_567) == "1,234,567" && Figures.grouped(999) == "999" && Figures.grouped(-1000) == "-1,000")
    #expect(
      Figures.count(1, one: "event") == "1 event"
        && Figures.count(0, one: "delivery", many: "deliveries") == "0 deliveries")
    #expect(Figures.rate(1, milliseconds: 400) == "2.5" && Figures.rate(5, milliseconds: 0) == "-")
    #expect(Figures.duration(milliseconds: 1540) == "1.5 s" && Figures.duration(milliseconds: 125_000) == "2 min 5 s")
  }
}
