import HTTPWire
import Telemetry
import TestSupport
import Testing
import WebSocketWire

@testable import LocalGateway

@Suite("The management API", .timeLimit(.minutes(10)))
struct ConnectionsAPITests {
  @Test("what is posted arrives as one text message, however the path is escaped")
  func post() throws {
    let bench = try GatewayBench()
    let (client, id) = try bench.connected()
    let http = try bench.http()
    let bare = String(id.dropLast())
    for name in ["@connections", "%40connections"] {
      for tail in ["=", "%3D", "%3d"] {
        let answer = try http.request("POST", "/dev/\(name)/\(bare)\(tail)", body: bytes("{\"n\":1}"))
        #expect(answer.status == 200 && answer.body.isEmpty)
        #expect(try client.text() == "{\"n\":1}")
      }
    }
    #expect(bench.functions.calls(of: "Default").isEmpty)
  }

  @Test("many posts arrive in order over one connection")
  func order() throws {
    let bench = try GatewayBench()
    let (client, id) = try bench.connected()
    let http = try bench.http()
    for number in 0..<200 { http.send("POST", bench.path(id), body: bytes("\(number)")) }
    for number in 0..<200 {
      #expect(try http.answer().status == 200)
      #expect(try client.text() == "\(number)")
    }
  }

  @Test("bytes that are not UTF-8 arrive as U+FFFD")
  func repaired() throws {
    let bench = try GatewayBench()
    let (client, id) = try bench.connected()
    #expect(try bench.http().request("POST", bench.path(id), body: bytes("a") + [0xFF] + bytes("b")).status == 200)
    #expect(try client.text() == "a\u{FFFD}b")
  }

  @Test("GET tells when it connected and was last active, in camel case and RFC 3339")
  func describe() throws {
    let bench = try GatewayBench()
    let (_, id) = try bench.connected(headers: ["User-Agent: tester/1"])
    let answer = try bench.http().request("GET", bench.path(id))
    #expect(answer.status == 200)
    let form =
      #/\{"connectedAt":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","identity":\{"sourceIp":"127.0.0.1","userAgent":"tester\/1"\},"lastActiveAt":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}/#
    #expect(text(answer.body).wholeMatch(of: form) != nil)
  }

  @Test("DELETE closes with 1000 \"Connection Closed Normally\", and the connection is gone at once")
  func delete() throws {
    let bench = try GatewayBench()
    let (client, id) = try bench.connected()
    let http = try bench.http()
    #expect(try http.request("DELETE", bench.path(id)).status == 204)
    #expect(try http.request("POST", bench.path(id), body: []).status == 410)
    #expect(try client.next() == .close(code: 1000, reason: "Connection Closed Normally"))
    let event = try bench.call(0, of: "Disconnect").event
    #expect(event.contains(#""disconnectStatusCode":1000"#))
    #expect(event.contains(#""disconnectReason":"Connection Closed Normally""#))
  }

  @Test("a connection that never was or has gone is 410 with an empty body", arguments: ["POST", "GET", "DELETE"])
  func gone(_ method: String) throws {
    let bench = try GatewayBench()
    for path in ["/dev/@connections/AAAAAAAAAAAAAAA%3D", "/dev/@connections/abcd"] {
      let answer = try bench.http().request(method, path, body: method == "POST" ? bytes("x") : nil)
      #expect(answer.status == 410)
      #expect(answer.body.isEmpty)
      #expect(answer.headers["x-amzn-errortype"] == "GoneException")
    }
  }

  @Test("while its $connect runs a connection is 410 too")
  func connecting() throws {
    let bench = try GatewayBench()
    bench.functions.answers["Connect"] = nil
    let client = try bench.client()
    client.sendHandshake()
    let call = try bench.call(0, of: "Connect")
    let match = try #require(call.event.firstMatch(of: #/"connectionId":"([^"]*)"/#))
    let http = try bench.http()
    #expect(try http.request("POST", bench.path(String(match.1)), body: bytes("early")).status == 410)
    call.complete(.json(#"{"statusCode":200}"#))
    #expect(try client.http.answer().status == 101)
    #expect(try http.request("POST", bench.path(String(match.1)), body: bytes("now")).status == 200)
    #expect(try client.text() == "now")
  }

  @Test(
    "an id that API Gateway could not have made is 400",
    arguments: ["", "x", "a/b", "..%2F..", "a%00bc", "=abc", "ab%zz"])
  func badID(_ id: String) throws {
    let bench = try GatewayBench()
    let answer = try bench.http().request("POST", "/dev/@connections/\(id)", body: bytes("x"))
    #expect(answer.status == 400)
    #expect(answer.headers["x-amzn-errortype"] == "BadRequestException")
  }

  @Test("another stage is 403, another method 405")
  func wrongPlace() throws {
    let bench = try GatewayBench()
    let (_, id) = try bench.connected()
    let http = try bench.http()
    let stage = try http.request("POST", "/prod/@connections/\(id)", body: bytes("x"))
    #expect(stage.status == 403 && stage.headers["x-amzn-errortype"] == "ForbiddenException")
    #expect(try http.request("PUT", bench.path(id), body: bytes("x")).status == 405)
  }

  @Test("128 KB is posted, one byte more is 413")
  func tooLarge() throws {
    let bench = try GatewayBench()
    let (client, id) = try bench.connected()
    let http = try bench.http()
    let payload = [UInt8](repeating: 0x78, count: 128 << 10)
    #expect(try http.request("POST", bench.path(id), body: payload).status == 200)
    #expect(try client.text().utf8.count == 128 << 10)
    let answer = try http.request("POST", bench.path(id), body: payload + [0x78])
    #expect(answer.status == 413)
    #expect(answer.headers["x-amzn-errortype"] == "PayloadTooLargeException")
  }

  @Test("a client that does not read fills its own buffer, is 429, and nobody else notices")
  func clientBufferFull() throws {
    let bench = try GatewayBench { $0.sendBufferBytes = 100_000 }
    let (stuck, id) = try bench.connected()
    let (other, otherID) = try bench.connected()
    stuck.http.client.reads = false
    let http = try bench.http()
    let payload = [UInt8](repeating: 0x78, count: 100_000)
    var posted = 0
    var status = 200
    while status == 200, posted < 1000 {
      status = try http.request("POST", bench.path(id), body: payload).status
      if status == 200 { posted += 1 }
    }
    #expect(status == 429)
    #expect(try http.request("POST", bench.path(otherID), body: bytes("fine")).status == 200)
    #expect(try other.text() == "fine")
    stuck.http.client.reads = true
    for _ in 0..<posted { #expect(try stuck.text().utf8.count == 100_000) }
    #expect(try http.request("POST", bench.path(id), body: bytes("again")).status == 200)
    #expect(try stuck.text() == "again")
  }

  @Test("pages of other origins cannot post")
  func origin() throws {
    let bench = try GatewayBench()
    let (_, id) = try bench.connected()
    let answer = try bench.http().request(
      "POST", bench.path(id), headers: ["Origin: http://evil.example"], body: bytes("x"))
    #expect(answer.status == 403)
  }

  @Test("made ids have sixteen characters, the last is =, and none comes twice")
  func ids() {
    let ids = (0..<1000).map { _ in ConnectionKey.random(.system).text }
    #expect(Set(ids).count == 1000)
    #expect(ids.allSatisfy { $0.wholeMatch(of: #/[A-Za-z0-9_-]{15}=/#) != nil })
    for id in ids {
      guard case .connection(let key) = ManagementTarget("/dev/@connections/\(id)?x=1".utf8, stage: "dev") else {
        #expect(Bool(false), "\(id)")
        continue
      }
      #expect(key.text == id)
    }
  }
}
