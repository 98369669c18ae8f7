import HTTPWire
import TestSupport
import Testing
import WebSocketWire

@testable import LocalGateway

@Suite("How the gateway's connections end", .timeLimit(.minutes(10)))
struct GatewayClosingTests {
  /// The code and reason of the first $disconnect.
  private func disconnection(_ bench: GatewayBench) throws -> String {
    let event = try bench.call(0, of: "Disconnect").event
    let code = try #require(event.firstRange(of: #/"disconnectStatusCode":\d+/#))
    let reason = try #require(event.firstRange(of: #/"disconnectReason":"[^"]*"/#))
    return "\(event[code].drop { $0 != ":" }.dropFirst()) \(event[reason].drop { $0 != ":" }.dropFirst())"
  }

  @Test(
    "a client's close reaches $disconnect with its code and reason",
    arguments: [
      (1000, "done", #"1000 "done""#), (1001, "", #"1001 """#), (4000, "é", #"4000 "é""#),
    ])
  func clientClose(code: UInt16, reason: String, expected: String) throws {
    let bench = try GatewayBench()
    let (client, id) = try bench.connected()
    client.close(code: code, reason: reason)
    #expect(try disconnection(bench) == expected)
    #expect(try client.next() == .close(code: code, reason: ""))
    #expect(try client.next() == nil)
    #expect(try bench.http().request("GET", bench.path(id)).status == 410)
  }

  @Test("a close without a code is 1005 with API Gateway's reason")
  func noCode() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.close(code: nil)
    #expect(try disconnection(bench) == #"1005 "Client-side close frame status not set""#)
    #expect(try client.next() == .close(code: nil, reason: ""))
  }

  @Test("a connection that breaks off is 1006")
  func brokenOff() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.http.client.close()
    #expect(try disconnection(bench) == #"1006 """#)
  }

  @Test("a binary frame is closed with 1003")
  func binary() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.send(binary: [1, 2, 3])
    guard case .close(1003, _) = try client.next() else { return #expect(Bool(false), "no 1003") }
    #expect(try disconnection(bench).hasPrefix("1003"))
    #expect(bench.functions.calls(of: "Default").isEmpty)
    #expect(try client.next() == nil)
  }

  @Test("a frame of 32 KB passes, one byte more is closed with 1009")
  func frameTooBig() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.send(text: String(repeating: "x", count: 32 << 10))
    _ = try bench.call(0, of: "Default")
    client.send(text: String(repeating: "x", count: 32 << 10 + 1))
    guard case .close(1009, _) = try client.next() else { return #expect(Bool(false), "no 1009") }
    #expect(try disconnection(bench).hasPrefix("1009"))
  }

  @Test("a message of 128 KB in frames passes, one byte more is closed with 1009")
  func messageTooBig() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    let part = [UInt8](repeating: 0x78, count: 32 << 10)
    func send(last: [UInt8]) {
      for number in 0..<4 { client.http.client.send(masked(number == 0 ? 0x01 : 0x00, part)) }
      client.http.client.send(masked(0x80, last))
    }
    send(last: [])
    #expect(try bench.call(0, of: "Default").event.utf8.count > 128 << 10)
    send(last: [0x78])
    guard case .close(1009, _) = try client.next() else { return #expect(Bool(false), "no 1009") }
  }

  @Test("text that is not UTF-8 is closed with 1007")
  func invalidText() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    client.http.client.send(masked(0x81, [0xFF]))
    guard case .close(1007, _) = try client.next() else { return #expect(Bool(false), "no 1007") }
  }

  @Test("a silent connection is closed with 1001 \"Going away\", one with messages in either direction is not")
  func idle() throws {
    let bench = try GatewayBench { $0.idleMilliseconds = 120 }
    let (silent, _) = try bench.connected()
    let (talking, _) = try bench.connected()
    let (listening, id) = try bench.connected()
    let http = try bench.http()
    var sent = 0
    try bench.test.wait {
      if bench.functions.calls(of: "Default").count >= sent {
        talking.send(text: "still here")
        sent += 1
      }
      http.send("POST", bench.path(id), body: bytes("tick"))
      return bench.gateway.connections.count < 3
    }
    #expect(try silent.next() == .close(code: 1001, reason: "Going away"))
    #expect(try disconnection(bench) == #"1001 "Going away""#)
    #expect(bench.gateway.connections.count == 2)
    _ = listening
  }

  @Test("a connection that has lasted long enough is closed with 1001, however busy")
  func duration() throws {
    let bench = try GatewayBench { $0.durationMilliseconds = 100 }
    let (client, _) = try bench.connected()
    var sent = 0
    try bench.test.wait {
      if bench.functions.calls(of: "Default").count >= sent {
        client.send(text: "busy")
        sent += 1
      }
      return bench.gateway.connections.isEmpty
    }
    #expect(try client.next() == .close(code: 1001, reason: "Going away"))
  }

  @Test("closing the gateway says goodbye to everybody and tells $disconnect")
  func shutdown() throws {
    let bench = try GatewayBench()
    let (client, _) = try bench.connected()
    bench.gateway.close()
    #expect(try client.next() == .close(code: 1001, reason: "Going away"))
    #expect(try client.next() == nil)
    #expect(try disconnection(bench) == #"1001 "Going away""#)
  }
}

/// A frame as a client sends it, with the mask 0, which changes nothing.
func masked(_ head: UInt8, _ payload: [UInt8]) -> [UInt8] {
  let count = payload.count
  let length: [UInt8] = count < 126 ? [0x80 | UInt8(count)] : [0x80 | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
  return [head] + length + [0, 0, 0, 0] + payload
}
