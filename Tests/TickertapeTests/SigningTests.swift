import AWS
import HTTPClient
import Telemetry
import TestSupport
import Testing
import WebSocketWire

@testable import tickertape

@Suite("Signing calls to AWS", .timeLimit(.minutes(10)))
struct SigningTests {
  static let keys = ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"]
  static let nothing = ["HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"]

  @Test("a handshake is signed with its query when asked for, and not otherwise", arguments: [true, false])
  func handshake(signs: Bool) throws {
    let server = WatchTests.server([#"{"type":"a","data":1}"#])
    defer { server.stop() }
    let screen = Screen()
    let words = ["watch", WatchTests.url(server), "--count", "1"] + (signs ? ["--sign"] : [])
    #expect(Tool.run(words, in: screen.context(environment: Self.keys)) == .success)
    let head = try #require(server.requests.first).head
    guard signs else { return #expect(!head.contains("Authorization")) }
    let date = try #require(head.split(separator: "\n").first { $0.hasPrefix("X-Amz-Date: ") }).dropFirst(12)
    let canonical = CanonicalRequest(
      method: "GET", target: "/dev?userId=u-1",
      headers: [("Host", "127.0.0.1:\(server.port)"), ("X-Amz-Date", String(date))],
      payload: CanonicalRequest.payloadHash([]))
    #expect(canonical.text.contains("\nuserId=u-1\n"))
    #expect(head.contains("/eu-west-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature="))
  }

  @Test("a handshake that was refused for the clock's sake is signed anew, once")
  func skew() {
    let server = ScriptedServer { request in
      guard request.number == 1 else {
        var output = WatchTests.upgrade(for: request)
        let session = WebSocketSession(role: .server, codec: FrameCodec())
        session.append(text: bytes(#"{"type":"a","data":1}"#), to: &output)
        return [.bytes(output), .silence]
      }
      let body = #"{"message":"Signature expired: is now earlier than"}"#
      return [
        .text(
          "HTTP/1.1 403 Forbidden\r\nDate: Fri, 01 Jan 2038 08:00:00 GMT\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
      ]
    }
    defer { server.stop() }
    let screen = Screen()
    let code = screen.run(
      "watch", WatchTests.url(server), "--count", "1", "--sign", in: screen.context(environment: Self.keys))
    #expect(code == .success)
    #expect(server.requests.last?.head.contains("X-Amz-Date: 20380101T08") == true)
  }

  @Test(
    "what is to be signed says without credentials where they were looked for, and nothing is sent",
    arguments: [
      ["watch", "wss://abc.execute-api.eu-west-1.amazonaws.com/dev", "--sign"],
      ["publish", "signal", "--endpoint", "https://lambda.eu-west-1.amazonaws.com"],
    ])
  func noCredentials(words: [String]) {
    let screen = Screen()
    let code = Tool.run(words, in: screen.context(environment: Self.nothing))
    #expect(code == .unavailable)
    let otherwise = words[0] == "watch" ? "without --sign it is called unsigned" : "--no-sign calls it unsigned"
    for part in ["AWS_ACCESS_KEY_ID", "/nonexistent/.aws/config", "AWS_EC2_METADATA_DISABLED", otherwise] {
      #expect(screen.errorText.contains(part), "\(screen.errorText)")
    }
  }

  @Test("a publish to a custom endpoint is signed for Lambda with its headers and body")
  func publish() throws {
    let answer = #"{"accepted":1,"rejected":0,"deliveries":2,"failed":0}"#
    let server = ScriptedServer { _ in
      [.text("HTTP/1.1 200 OK\r\nContent-Length: \(answer.utf8.count)\r\n\r\n\(answer)")]
    }
    defer { server.stop() }
    let screen = Screen()
    let code = screen.run(
      "publish", "signal", "--endpoint", server.url, "--sign", in: screen.context(environment: Self.keys))
    #expect(code == .success)
    let head = try #require(server.requests.first).head
    #expect(
      head.contains("/eu-west-1/lambda/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-invocation-type,")
    )
  }

  @Test("a sign that contradicts itself, and a region that is nowhere, are refused")
  func misuse() {
    let screen = Screen()
    #expect(screen.run("publish", "signal", "--sign", "--no-sign") == .usage)
    let lost = screen.context(environment: Self.nothing)
    #expect(screen.run("publish", "signal", "--sign", in: lost) == .usage)
    #expect(screen.errorText.contains("for example AWS_REGION=eu-west-1"))
  }
}
