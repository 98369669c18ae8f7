import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import StreamHandler

@Suite("requests that are none")
struct StreamRequestTests {
  @Test(
    "unknown paths, methods and bodies are answered with a status and JSON, and open nothing",
    arguments: [
      ("GET", "/api/stream/nothing", "", 404), ("GET", "/", "", 404), ("HEAD", "/api/stream/prices", "", 405),
      ("DELETE", "/api/stream/prices", "", 405), ("get", "/api/stream/prices", "", 405),
      ("GET", "/api/stream/prices", "{}", 400), ("GET", "/api/stream/%2e%2e/prices", "", 400),
      ("GET", "/api/stream%2Fprices", "", 400), ("GET", "/streaming/subscribe/sse", "", 405),
      ("POST", "/streaming/subscribe/sse", "[]", 400), ("POST", "/streaming/subscribe/sse", "", 400),
      ("POST", "/streaming/subscribe/sse", "{}", 400), ("GET", "/api/stream/orders", "", 400),
    ])
  func refused(method: String, path: String, body: String, status: Int) throws {
    let streams = try StreamStage()
    let answer = try streams.request(path, method: method, body: body)
    #expect(answer.status == status && !answer.isOpen && answer.body.contains("\"statusCode\":\(status)"))
    #expect(streams.handler.sources.follower.count == 0)
  }

  @Test("what may be done is told with 405")
  func allow() throws {
    let streams = try StreamStage()
    #expect(try streams.request("/api/stream/prices", method: "PUT").header("Allow") == "GET, OPTIONS")
  }

  @Test("a stage stands before any path", arguments: ["/v1", "/dev", "/prod"])
  func stages(stage: String) throws {
    let streams = try StreamStage()
    #expect(try streams.request("\(stage)/api/stream/prices").status == 200)
    #expect(try streams.request("\(stage)/stream/sse?userId=u-1").status == 200)
    #expect(try streams.request("\(stage)\(stage)/stream").status == 404)
  }

  @Test(
    "gzip is for whoever accepts it",
    arguments: [
      ("gzip", true), ("gzip, deflate, br", true), ("br;q=1.0, gzip;q=0.8", true), ("gzip;q=0", false),
      ("gzip; q=0.0", false), ("identity", false), ("", false), ("x-gzip", true), ("notgzip", false),
    ])
  func acceptEncoding(value: String, accepts: Bool) {
    let request = StreamRequest(method: "GET", path: [], headers: [("accept-encoding", value)])
    #expect(request.acceptsGzip == accepts)
  }
}
