import HTTPWire
import LambdaEvents
import Telemetry
import Testing

@testable import LocalGateway

@Suite("Streams of functions over HTTP", .timeLimit(.minutes(5)))
struct HTTPStreamTests {
  @Test("a write of the function reaches the client before the next one is made, in chunks, and its connection is kept")
  func incremental() throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.get("/a?x=1", "X-Correlation-ID: c-1\r\n")
    let runtime = try stage.runtime()
    try runtime.next()
    #expect(runtime.event.contains(#""rawPath":"/a","rawQueryString":"x=1""#))
    runtime.begin()
    runtime.prelude()
    try stage.wait(client, toHave: "HTTP/1.1 200 OK\r\n")
    #expect(stage.text(client).contains("Connection: keep-alive\r\n"))
    #expect(!stage.text(client).contains("Connection: close"))
    for text in ["data: 1\n\n", "data: 2\n\n"] {
      runtime.chunk(text)
      try stage.wait(client, toHave: text)
    }
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    let answer = try stage.answer(client)
    #expect(answer.headers["content-type"] == "text/event-stream")
    #expect(answer.headers["x-amzn-requestid"] == runtime.requestID)
    #expect(answer.headers["transfer-encoding"] == "chunked")
    #expect(String(decoding: answer.body, as: UTF8.self) == "data: 1\n\ndata: 2\n\n")
    let line = try #require(stage.logLines.last { $0.contains("http request") })
    #expect(line.contains(#""end":"complete""#) && line.contains(#""correlationId":"c-1""#))
    #expect(line.contains(#""bytes":18"#) && line.contains(runtime.requestID))
    // The same connection of the client, the same process, the next stream.
    client.send("GET /b HTTP/1.1\r\nHost: 127.0.0.1:\(stage.server.port)\r\n\r\n")
    try runtime.next()
    #expect(runtime.event.contains(#""rawPath":"/b""#))
    try stage.stop()
  }

  @Test("a client of HTTP/1.0 gets the bytes as they are, and the end of the connection")
  func http10() throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.client("GET /a HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n")
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude()
    runtime.chunk("data: 1\n\n")
    try stage.wait(client, toHave: "\r\n\r\ndata: 1\n\n")
    runtime.finish()
    try stage.functions.wait("the end") { client.hasEnded }
    #expect(!stage.text(client).lowercased().contains("transfer-encoding"))
    #expect(stage.text(client).contains("Connection: close\r\n"))
    try stage.stop()
  }

  @Test("a prelude may come in pieces, and a body in the chunk that ends it; the type of an answer without one is kept")
  func preludes() throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.chunk(#"{"statusCode":201,"headers":{"x-a":"b"},"#)
    runtime.chunk(#""cookies":["a=1","b=2"]}"#)
    runtime.chunk([0, 0, 0])
    runtime.chunk([0, 0, 0, 0, 0] + Array("body".utf8))
    runtime.finish()
    let answer = try stage.answer(client)
    #expect(answer.status == 201 && answer.headers["x-a"] == "b")
    #expect(answer.headers.values("set-cookie") == ["a=1", "b=2"] && answer.body == Array("body".utf8))
    _ = try runtime.answer()
    let plain = try stage.get()
    try runtime.next()
    runtime.begin(type: "text/plain")
    runtime.chunk("as it is")
    runtime.finish()
    let second = try stage.answer(plain)
    #expect(second.headers["content-type"] == "text/plain" && second.body == Array("as it is".utf8))
    try stage.stop()
  }

  @Test(
    "HEAD, 204 and 304 have no body, whatever is streamed; the function runs to its end", arguments: [200, 204, 304])
  func bodiless(status: Int) throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.client("\(status == 200 ? "HEAD" : "GET") /a HTTP/1.1\r\nHost: HOST\r\n\r\n")
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude(#"{"statusCode":\#(status)}"#, "never seen")
    let answer = try stage.answer(client, noBody: true)
    #expect(answer.status == status)
    runtime.chunk("nor this")
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    #expect(!stage.text(client).contains("never seen"))
    try stage.stop()
  }

  @Test("a client that goes is not told to the function, whose bytes are thrown away until it ends by itself")
  func clientGone() throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude(#"{"statusCode":200}"#, "first")
    try stage.wait(client, toHave: "first")
    client.close()
    try stage.functions.wait("the client's end") { !stage.http.report.elementsEqual(stage.open(streams: 1)) }
    #expect(stage.http.report.elementsEqual(stage.open(streams: 0, invocations: 1)))
    // More than any buffer holds: nobody reads it, and still the function is not held up.
    for _ in 0..<64 { runtime.chunk([UInt8](repeating: 0x78, count: 64 << 10)) }
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    #expect(stage.http.report.elementsEqual(stage.open(streams: 0, invocations: 0)))
    #expect(stage.logLines.contains { $0.contains(#""end":"client gone""#) })
    try stage.stop()
  }

  @Test("a client that does not read stops the function, not the gateway: what waits for it is bounded")
  func backpressure() throws {
    let stage = try HTTPFunctionStage { $0.streamBytesPerSecond = nil }
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    client.reads = false
    runtime.begin()
    runtime.prelude()
    let total = 32 << 20
    runtime.chunk([UInt8](repeating: 0x78, count: total))
    var most = 0
    var last = -1
    // Until nothing moves any more.
    try stage.functions.wait("a standstill") {
      stage.settle()
      most = max(most, stage.http.pendingBytes)
      defer { last = runtime.client.unsentBytes }
      return runtime.client.unsentBytes == last
    }
    #expect(runtime.client.unsentBytes > total / 2, "the function is held up")
    #expect(most > 0 && most <= HTTPFunctionCall.maximumPendingBytes + (64 << 10) + 16)
    client.reads = true
    runtime.finish()
    #expect(try stage.answer(client).body.count == total)
    #expect(try runtime.answer().status == 202)
    try stage.stop()
  }

  @Test("after the first bytes, which go at once, a stream has Lambda's rate")
  func rate() throws {
    var limits = AnswerLimits()
    limits.burstBytes = 1000
    limits.bytesPerSecond = 2000
    var rate = StreamRate(limits, now: 0)
    #expect(rate.milliseconds(afterBytes: 1000, now: 0) == 0)
    #expect(rate.milliseconds(afterBytes: 500, now: 0) == 250)
    #expect(rate.milliseconds(afterBytes: 0, now: 250) == 0)
    #expect(rate.milliseconds(afterBytes: 1001, now: 750) == 1)
    // However long nothing came, no more than the bucket holds goes at once.
    #expect(rate.milliseconds(afterBytes: 1200, now: 1_000_000) == 100)
    limits.bytesPerSecond = nil
    var free = StreamRate(limits, now: 0)
    #expect(free.milliseconds(afterBytes: 1 << 30, now: 0) == 0)
    #expect(AnswerLimits().burstBytes == 6 << 20 && AnswerLimits().bytesPerSecond == 2 << 20)
    #expect(AnswerLimits().maximumBytes == 200 << 20)
  }

  @Test("an answer beyond the limit is cut, and its function refused the rest with 413")
  func tooLarge() throws {
    let stage = try HTTPFunctionStage { $0.stream.maximumBytes = 1000 }
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude()
    runtime.chunk([UInt8](repeating: 0x78, count: 2000))
    #expect(try runtime.answer().status == 413)
    try stage.functions.wait("the cut") { client.hasEnded }
    #expect(!stage.text(client).hasSuffix("0\r\n\r\n"))
    try stage.stop()
  }

  @Test("an answer that breaks off inside leaves the client a body that is not whole", arguments: ["close", "crash"])
  func broken(how: String) throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude(#"{"statusCode":200}"#, "first")
    try stage.wait(client, toHave: "first")
    if how == "close" { runtime.client.close() } else { stage.functions.host.kill() }
    try stage.functions.wait("the cut") { client.hasEnded }
    #expect(!stage.text(client).hasSuffix("0\r\n\r\n"))
    #expect(stage.logLines.contains { $0.contains(#""end":"broken off""#) })
    try stage.stop()
  }

  @Test("an error in the trailers comes too late: the body is whole, the function's log says it")
  func lateError() throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin(headers: "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n")
    runtime.prelude(#"{"statusCode":200}"#, "half")
    runtime.finish(trailers: [
      ("Lambda-Runtime-Function-Error-Type", "Function.Late"), ("Lambda-Runtime-Function-Error-Body", "e30="),
    ])
    #expect(try stage.answer(client).body == Array("half".utf8))
    try stage.functions.wait("the line") {
      stage.functions.lines.contains { $0.hasSuffix("Error in the middle of the answer: Function.Late") }
    }
    try stage.stop()
  }

  @Test("an error is one before the first byte only, and an answer is given once")
  func once() throws {
    let stage = try HTTPFunctionStage { $0.invocationsPerEnvironment = 2 }
    let client = try stage.get()
    let (runtime, other) = (try stage.runtime(), try stage.runtime())
    try runtime.next()
    runtime.begin()
    runtime.prelude()
    try stage.wait(client, toHave: "200 OK")
    for call in ["error", "response"] {
      other.client.send(
        "POST /2018-06-01/runtime/invocation/\(runtime.requestID)/\(call) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
          + "Content-Length: 2\r\n\r\n{}")
      #expect(try other.answer().status == 403)
    }
    runtime.chunk("data")
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    #expect(try stage.answer(client).body == Array("data".utf8))
    try stage.stop()
  }

  @Test("a function out of time has its stream cut and is told 410; of several slots the others go on")
  func timeout() throws {
    let stage = try HTTPFunctionStage {
      $0.invocationsPerEnvironment = 2
      $0.timeoutSeconds = 1
    }
    let late = try stage.get()
    let (runtime, other) = (try stage.runtime(), try stage.runtime())
    try runtime.next()
    other.ask()
    runtime.begin()
    runtime.prelude(#"{"statusCode":200}"#, "first")
    try stage.functions.wait("the cut") { late.hasEnded }
    #expect(try runtime.answer().status == 410)
    let client = try stage.get()
    try other.delivered()
    other.begin()
    other.prelude(#"{"statusCode":200}"#, "second")
    other.finish()
    #expect(try stage.answer(client).body == Array("second".utf8))
    #expect(stage.addresses.count == 1, "the same process")
    try stage.stop()
  }
}

extension HTTPFunctionStage {
  func open(streams: Int, invocations: Int = 1) -> [UInt8] {
    let front = HTTPFrontConfiguration.fronts.first { $0.front == http.configuration.front }?.name ?? ""
    return Array(#"{"front":"\#(front)","streams":\#(streams),"invocations":\#(invocations)}"#.utf8)
  }
}
