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

@Suite("what other origins may read")
struct CrossOriginTests {
  @Test(
    "a preflight of 003 is answered 200 with its three headers",
    arguments: [
      "orders", "positions", "prices", "trading", "ai-decisions", "strategies/s-1", "alerts", "metrics",
    ])
  func preflight(stream: String) throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let answer = try streams.request(
      "/api/stream/\(stream)", method: "OPTIONS", headers: [("Origin", "https://a.example")])
    #expect(answer.status == 200)
    #expect(answer.header("Access-Control-Allow-Origin") == "*")
    #expect(answer.header("Access-Control-Allow-Methods") == "GET, OPTIONS")
    #expect(answer.header("Access-Control-Allow-Headers") == "Content-Type, Authorization")
  }

  @Test("a route for POST lists POST and what programs send, 002's lists what 002 has")
  func otherRoutes() throws {
    let streams = try StreamStage()
    let post = try streams.request("/streaming/subscribe/sse", method: "OPTIONS")
    #expect(post.header("Access-Control-Allow-Methods") == "POST, OPTIONS")
    #expect(
      post.header("Access-Control-Allow-Headers")
        == "Content-Type, Authorization, Last-Event-ID, x-api-key, Cache-Control, X-Correlation-ID")
    let other = try streams.request("/stream")
    #expect(other.header("Access-Control-Allow-Headers") == "Cache-Control")
  }

  @Test("with origins configured, one of them is echoed with credentials, and another gets no header that names it")
  func origins() throws {
    let streams = try StreamStage(["ACCESS": "required", "ACCESS_ORIGINS": "https://app.example.com"])
    let known = try streams.request("/api/stream/prices", headers: [("Origin", "https://app.example.com")])
    #expect(known.header("Access-Control-Allow-Origin") == "https://app.example.com")
    #expect(known.header("Access-Control-Allow-Credentials") == "true")
    let foreign = try streams.request("/api/stream/prices", headers: [("Origin", "https://evil.example")])
    #expect(foreign.status == 200 && foreign.header("Access-Control-Allow-Origin") == nil)
    #expect(foreign.header("Vary")?.contains("Origin") == true)
  }

  @Test("the answer to a refusal has the headers too, or a page could not read why")
  func refusals() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let refused = try streams.request("/api/stream/orders")
    #expect(refused.status == 401 && refused.header("Access-Control-Allow-Origin") == "*")
  }
}
