import HTTPWire
import TestSupport
import Testing

@testable import LambdaRuntime

/// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
@Suite("Streamed answers on the wire")
struct StreamWireTests {
  private let head = """
    POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r
    Host: 127.0.0.1:9001\r
    Lambda-Runtime-Function-Response-Mode: streaming\r
    Content-Type: application/vnd.awslambda.http-integration-response\r
    Transfer-Encoding: chunked\r
    Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r
    Connection: close\r
    \r

    """
  private let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n"

  @Test("an answer is a prelude, eight NULs, chunks and an end, on the connection of its event, which is closed")
  func whole() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "2"), ("b", "0")]
    let run = try StreamRun(api) { $0.onResume = { counting($1, &$0, milliseconds: 5) } }
    let response = try #require(api.response("a"))
    let prelude = #"{"statusCode":200,"headers":{}}"# + String(repeating: "\0", count: 8)
    #expect(
      api.wire(of: response) == next + head + "2d\r\n\(prelude)hello\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n")
    #expect(api.names == ["GET next", "POST a/response", "GET next", "POST b/response", "GET next"])
    #expect(Set(api.requests.map(\.connection)).count == 3)
    #expect(api.mostDescriptors == 1)
    #expect(run.journal.closed == ["a": .ended, "b": .ended])
    #expect(run.end.contains("next: refused with status 403"))
    #expect(api.openDescriptors.isEmpty)
  }

  @Test("status, headers and cookies stand in the prelude; a name that comes twice is one field")
  func prelude() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    _ = try StreamRun(api) {
      $0.onOpen = { _, writer in
        try writer.begin(
          429, headers: [("Content-Type", "text/plain"), ("Vary", "Origin"), ("vary", "Cookie")],
          cookies: ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=\"2\""])
        writer.write(bytes("x"))
      }
    }
    #expect(
      api.response("a")?.prelude
        == #"{"statusCode":429,"headers":{"Content-Type":"text/plain","Vary":"Origin, Cookie"},"#
        + #""cookies":["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT","b=\"2\""]}"#)
  }

  @Test("an answer without a body has one byte all the same")
  func emptyBody() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    let run = try StreamRun(api) { $0.onOpen = { _, writer in try writer.begin(204) } }
    #expect(api.response("a")?.streamed == "\n")
    #expect(run.journal.closed == ["a": .ended])
  }

  @Test("an answer in one piece is an ordinary response, on a connection that is kept")
  func onePiece() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", ""), ("b", ""), ("c", "large")]
    let run = try StreamRun(api) {
      $0.onOpen = { event, writer in
        let count = event == "large" ? RuntimeClient.maximumResponseBytes + 1 : 5
        writer.answer([UInt8](repeating: UInt8(ascii: "7"), count: count))
      }
    }
    #expect(
      api.names.dropFirst() == [
        "POST a/response", "GET next", "POST b/response", "GET next", "POST c/error", "GET next",
      ])
    #expect(api.response("a").map { text($0.body) } == "77777")
    #expect(api.response("a")?.headers["lambda-runtime-function-response-mode"] == nil)
    #expect(api.response("a")?.headers["content-type"] == "application/json")
    #expect(api.error("c")?.headers["Lambda-Runtime-Function-Error-Type"] == "Function.ResponseSizeTooLarge")
    #expect(run.journal.closed == ["a": .ended, "b": .ended, "c": .failed])
    #expect(Set(api.requests.map(\.connection)).count == 1)
  }

  @Test("an error before the first byte has left is an ordinary failure, even after the answer had begun")
  func earlyError() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "at once"), ("b", "begun"), ("c", "")]
    let run = try StreamRun(api) {
      $0.onOpen = { event, writer in
        if event == "at once" { throw Thrown() }
        try writer.begin(200)
        writer.write(bytes("never sent"))
        if event == "begun" { throw Thrown() }
      }
    }
    #expect(
      api.names == ["GET next", "POST a/error", "GET next", "POST b/error", "GET next", "POST c/response", "GET next"])
    #expect(
      text(try #require(api.error("a")).body)
        == #"{"errorMessage":"Thrown()","errorType":"Function.Thrown","stackTrace":[]}"#)
    #expect(api.error("b")?.headers["Lambda-Runtime-Function-Error-Type"] == "Function.Thrown")
    // Reports keep their connection: everything up to the streamed answer went over the first.
    #expect(Set(api.requests.dropLast().map(\.connection)).count == 1)
    #expect(run.journal.closed == ["c": .ended])
    #expect(run.log.filter { $0.contains("the invocation failed") }.count == 2)
  }

  @Test("an error after the first byte stands in the trailers that were announced, behind all that was written")
  func trailers() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    let run = try StreamRun(api) {
      $0.onResume = { _, writer in
        writer.write(bytes("last words"))
        throw Thrown()
      }
    }
    let response = try #require(api.response("a"))
    #expect(
      api.wire(of: response).hasSuffix(
        "a\r\nlast words\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Thrown\r\n"
          + "Lambda-Runtime-Function-Error-Body: "
          + "eyJlcnJvck1lc3NhZ2UiOiJUaHJvd24oKSIsImVycm9yVHlwZSI6IkZ1bmN0aW9uLlRocm93biIsInN0YWNrVHJhY2UiOltdfQ==\r\n\r\n"
      ))
    #expect(response.trailers.count == 2)
    #expect(response.streamed == "hello\nlast words")
    #expect(run.journal.closed == ["a": .failed])
    #expect(api.names == ["GET next", "POST a/response", "GET next"])
  }

  @Test("an error of many words fits a trailer")
  func longError() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    _ = try StreamRun(api) { $0.onResume = { _, _ in throw Wordy() } }
    let body = try #require(api.response("a")?.trailers["Lambda-Runtime-Function-Error-Body"])
    #expect(body.utf8.count < 8_000)
  }

  @Test("a header of a handler begins no other header, and says nothing about framing")
  func headerInjection() throws {
    for (name, value) in [
      ("X-A", "1\r\nSet-Cookie: admin=1"), ("X-A", "1\n"), ("X-A", "\0"), ("X-A\r\nX-B", "1"), ("X A", "1"), ("", "1"),
      ("X-É", "1"), ("Content-Length", "3"), ("transfer-encoding", "identity"), ("Connection", "close"),
      ("Trailer", "X"), ("Set-Cookie", "a=1"),
    ] {
      #expect(throws: ResponseHeadError.self) { try ResponseHead(200, headers: [(name, value)]) }
    }
    #expect(throws: ResponseHeadError.value(ofHeader: "Set-Cookie")) { try ResponseHead(200, cookies: ["a=1\r\nX: 1"]) }
    #expect(throws: ResponseHeadError.status(99)) { try ResponseHead(99) }
    #expect(throws: ResponseHeadError.tooLarge(bytes: 16_423)) {
      try ResponseHead(200, headers: [("A", String(repeating: "x", count: 16_378))])
    }
    #expect(try ResponseHead(200, headers: [("X-A", "a\tb é")]).headers.count == 1)
  }

  @Test("a refused head fails the invocation, not the process")
  func refusedHead() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", ""), ("b", "")]
    let run = try StreamRun(api) {
      $0.onOpen = { _, writer in try writer.begin(200, headers: [("X-A", "1\r\n2")]) }
    }
    #expect(api.error("a")?.headers["Lambda-Runtime-Function-Error-Type"] == "Function.InvalidResponseHead")
    #expect(!run.log.joined().contains("1\\r\\n2"))
    #expect(api.names.last == "GET next")
  }

  @Test("a writer that is used against its order fails the answer, not the process")
  func misuse() throws {
    for (misuse, type) in [
      ({ (writer: ResponseWriter) in writer.write(bytes("x")) }, "Function.ResponseWriterMisuse"),
      (
        { (writer: ResponseWriter) in
          writer.begin(try ResponseHead())
          writer.begin(try ResponseHead())
        }, "Function.ResponseWriterMisuse"
      ),
      ({ (_: ResponseWriter) in }, "Function.NoResponse"),
      (
        { (writer: ResponseWriter) in
          writer.answer([])
          writer.write(bytes("x"))
        }, "Function.ResponseWriterMisuse"
      ),
    ] as [((ResponseWriter) throws -> Void, String)] {
      let api = SimulatedRuntimeAPI()
      api.events = [("a", "")]
      let run = try StreamRun(api) { $0.onOpen = { try misuse($1) } }
      #expect(api.error("a")?.headers["Lambda-Runtime-Function-Error-Type"] == type)
      #expect(run.journal.closed == ["a": .failed])
    }
  }

  @Test("an id of an invocation is given back with its answer, and nothing in a request id leaves the path")
  func ids() throws {
    let api = SimulatedRuntimeAPI()
    api.eventHeaders = [("Lambda-Runtime-Invocation-Id", "delivery-7")]
    api.events = [("a/../b c", "")]
    _ = try StreamRun(api)
    let request = try #require(api.requests.first { $0.line.hasPrefix("POST") })
    #expect(request.line == "POST /2018-06-01/runtime/invocation/a%2F..%2Fb%20c/response")
    #expect(request.headers["lambda-runtime-invocation-id"] == "delivery-7")
  }

  private struct Thrown: Error {}

  private struct Wordy: Error, CustomStringConvertible {
    var description: String { String(repeating: "é", count: 100_000) }
  }
}
