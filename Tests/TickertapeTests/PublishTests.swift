import HTTPClient
import Telemetry
import TestSupport
import Testing

@testable import tickertape

@Suite("Publishing")
struct PublishTests {
  @Test("an event from arguments keeps the bytes of its data")
  func single() {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let code = screen.run(
      "publish", "price:update", "--key", "AAPL", "--data", #"{"price":152.50, "id":9007199254740993123}"#, "--user",
      "u-1", "--priority", "high", "--idempotency-key", "k", "--correlation-id", "c",
      in: screen.context(exchange: publisher.exchange))
    #expect(code == .success)
    #expect(
      publisher.payloads == [
        #"{"events":[{"type":"price:update","key":"AAPL","user":"u-1","priority":"high","correlationId":"c","#
          + #""idempotencyKey":"k","data":{"price":152.50, "id":9007199254740993123}}]}"#
      ])
    #expect(screen.outputText == "1 accepted, 2 deliveries\n")
  }

  @Test("lines travel as they are, in batches; a bad one is named and the rest goes on")
  func lines() {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    let input = "{\"type\":\"a\",\"data\":1.50}\nnot json\n\n[1]\n{ \"type\":\"b\" }\r\n{\"type\":\"c\"}"
    let code = screen.run(
      "publish", "-", "--batch", "2", in: screen.context(input: input, exchange: publisher.exchange))
    #expect(code == .failure)
    #expect(publisher.events == [#"{"type":"a","data":1.50}"#, #"{ "type":"b" }"#, #"{"type":"c"}"#])
    #expect(publisher.payloads.count == 2)
    #expect(screen.errorText.contains("line 2: unexpected 'o'"))
    #expect(screen.errorText.contains("line 4: expected an object, found an array"))
    #expect(screen.outputText == "3 accepted, 2 rejected, 6 deliveries\n")
  }

  @Test("what has come is sent while the pipe is silent")
  func slowPipe() throws {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    var pieces = ["{\"type\":\"a\"}\n", "{\"type\":\"b\"}\n", ""]
    var payloadsBefore: [Int] = []
    let source = ByteSource(
      name: "pipe", isReady: { false },
      next: {
        payloadsBefore.append(publisher.payloads.count)
        return bytes(pieces.removeFirst())
      })
    var context = screen.context(exchange: publisher.exchange)
    context.input = { source }
    #expect(screen.run("publish", "-", in: context) == .success)
    #expect(payloadsBefore == [0, 1, 2])
  }

  @Test("rejected events are reported with their reasons and lines, and fail the command")
  func rejected() {
    let answer =
      #"{"accepted":1,"rejected":1,"errors":[{"index":1,"code":"missing_field","message":"'type' is required"}]}"#
    let screen = Screen()
    let context = screen.context(input: "{\"type\":\"a\"}\n\n{}\n") { _ in .init(status: 200, body: answer) }
    #expect(screen.run("publish", "-", in: context) == .failure)
    #expect(screen.errorText == "rejected: line 3: missing_field: 'type' is required\n")
    #expect(screen.outputText == "1 accepted, 1 rejected\n")
  }

  @Test("a Publisher that could take nothing fails, and is understood as one that answers")
  func nothingTaken() {
    let failure =
      #"{"errorType":"Function.NothingPublished","errorMessage":"nothing was published: {\"accepted\":0,\"rejected\":1,\"errors\":[{\"index\":0,\"code\":\"missing_field\",\"message\":\"'data' is required\"}]}"}"#
    let screen = Screen()
    let context = screen.context(input: "{\"type\":\"a\"}\n") { _ in
      .init(status: 200, functionError: "Unhandled", body: failure)
    }
    #expect(screen.run("publish", "-", in: context) == .failure)
    #expect(screen.errorText == "rejected: line 1: missing_field: 'data' is required\n")
    #expect(screen.outputText == "0 accepted, 1 rejected\n")
  }

  @Test(
    "what may be published all the same is told where it may be, and not of a table that cannot be used",
    arguments: [("invoke again", true), ("that does not pass by itself", false)])
  func notPublished(advice: String, mayBePublished: Bool) {
    let failure =
      #"{"errorType":"Function.NotPublished","errorMessage":"direct: 1 were not published: the table; \#(advice)"}"#
    let screen = Screen()
    let context = screen.context { _ in .init(status: 200, functionError: "Unhandled", body: failure) }
    #expect(screen.run("publish", "a", in: context) == .failure)
    #expect(screen.errorText.contains(advice))
    #expect(screen.errorText.contains("may be published all the same") == mayBePublished, "\(screen.errorText)")
  }

  @Test("where standard output is closed, standard error says what was published", arguments: [[], ["--json"]])
  func closedOutput(words: [String]) {
    for target in [["a"], ["-"]] {
      let screen = Screen()
      var context = screen.context(input: "{\"type\":\"a\"}\n") { _ in
        .init(status: 200, body: #"{"accepted":1,"rejected":0,"deliveries":2}"#)
      }
      context.terminal = Terminal(
        output: { bytes throws(SystemFailure) in try System.write(bytes, to: -1) },
        errors: { bytes throws(SystemFailure) in screen.remember(bytes) })
      #expect(Tool.run(["publish"] + target + words, in: context) == .inputOutput)
      #expect(screen.errorText.contains("1 accepted, 2 deliveries\n"), "\(target) \(screen.errorText)")
      #expect(screen.errorText.contains("cannot write to standard output: it is closed"), "\(screen.errorText)")
    }
  }

  @Test("--json prints the answers as they come")
  func raw() {
    let screen = Screen()
    let context = screen.context { _ in .init(status: 200, body: #"{"accepted":1, "rejected":[]}"#) }
    #expect(screen.run("publish", "a", "--json", in: context) == .success)
    #expect(screen.outputText == "{\"accepted\":1, \"rejected\":[]}\n")
  }

  @Test("the answer's shapes are understood: a number or a list of rejections, counts of any name")
  func answers() throws {
    let answer = try PublisherAnswer(bytes(#"{"accepted":2,"rejected":[{"index":0,"error":"no"},7],"gone":3,"x":"y"}"#))
    #expect(answer.rejectedCount == 2)
    #expect(answer.rejections == [.init(index: 0, reason: "no"), .init(index: nil, reason: "7")])
    #expect(answer.counts == [.init(name: "gone", number: 3)])
    var totals = PublishTotals()
    totals.add(answer)
    totals.add(answer)
    #expect(totals.sentence == "4 accepted, 4 rejected, 6 gone")
    #expect(throws: CommandFailure.self) { try PublisherAnswer(bytes("<html>")) }
  }

  @Test("an endpoint that is not there is code 69 with advice; one that answers badly is reported with its words")
  func endpoints() {
    func run(_ exchange: @escaping InvokeAPI.Exchange) -> (ExitCode, String) {
      let screen = Screen()
      return (screen.run("publish", "a", in: screen.context(exchange: exchange)), screen.errorText)
    }
    let (absent, advice) = run { _ throws(HTTPClientError) in
      throw HTTPClientError(.notConnected, tried: "POST", host: "http://127.0.0.1:8000", message: "Connection refused")
    }
    #expect(absent == .unavailable)
    #expect(advice.contains("Connection refused") && advice.contains("'tickertape serve' starts it"))
    let (unknown, words) = run { _ in
      .init(status: 404, body: #"{"Type":"User","message":"Function not found: Publisher"}"#)
    }
    #expect(unknown == .unavailable)
    #expect(words.contains("answered 404: Function not found: Publisher") && words.contains("--function NAME"))
    let (failed, reason) = run { _ in
      .init(
        status: 200, functionError: "Unhandled",
        body: #"{"errorType":"Runtime.ExitError","errorMessage":"it died"}"#)
    }
    #expect(failed == .failure)
    #expect(reason.contains("the function Publisher failed (Unhandled): Runtime.ExitError: it died"))
  }

  @Test("a busy function is asked again after a pause, with the same payload")
  func throttled() throws {
    var answers = [429, 429, 200]
    var pauses = 0
    let api = try InvokeAPI(
      endpoint: "http://127.0.0.1:8000/base/", function: "Publisher",
      exchange: { request in
        #expect(request.url.target == "/base/2015-03-31/functions/Publisher/invocations")
        #expect(request.body == bytes("x"))
        return .init(status: answers.removeFirst(), body: "ok")
      }, pause: { _ in pauses += 1 })
    #expect(text(try api.invoke(bytes("x"))) == "ok")
    #expect(pauses == 2)
  }

  @Test(
    "what makes no sense is refused before anything is sent",
    arguments: [
      ["publish"], ["publish", "a", "--file", "x"], ["publish", "-", "--key", "k"], ["publish", "a", "--data", "{x}"],
      ["publish", "a", "--user", "u", "--group", "g"], ["publish", "a", "--endpoint", "nonsense"],
      ["publish", "a", "--function", "../x"], ["publish", "a", "--batch", "0"],
    ])
  func refusals(words: [String]) {
    let publisher = ScriptedPublisher()
    let screen = Screen()
    #expect(Tool.run(words, in: screen.context(exchange: publisher.exchange)) == .usage)
    #expect(publisher.payloads.isEmpty)
    #expect(!screen.errorText.isEmpty)
  }

  @Test("large events are divided among requests that Lambda takes")
  func payloads() {
    var batch = LineBatch()
    let event = [UInt8](repeating: 0x20, count: 3 << 20)
    #expect(batch.hasRoom(for: event))
    batch.append(event, line: 1)
    #expect(!batch.hasRoom(for: event))
  }
}
