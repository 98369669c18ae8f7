import Glibc
import HTTPClient
import TestSupport
import Testing

@Suite("A connection opened by libcurl", .timeLimit(.minutes(10)))
struct ConnectionTests {
  private static let request = bytes("GET / HTTP/1.1\r\nHost: h\r\n\r\n")

  @Test("carries the caller's bytes, and says when there is nothing to read", arguments: [false, true])
  func carriesBytes(throughLibcurl: Bool) throws {
    let server = ScriptedServer { _ in [.text("first"), .close] }
    defer { server.stop() }
    let connection = try Dialer(throughLibcurl: throughLibcurl).open(url: HTTPURL(server.url.replacingScheme("ws")))
    var buffer = [UInt8](repeating: 0, count: 3)
    #expect(try connection.receive(into: &buffer) == .wouldBlock)
    #expect(try connection.send(Self.request) == .bytes(Self.request.count))
    #expect(try readToEnd(connection) == "first")
  }

  @Test("takes as much as fits and goes on from there", arguments: [false, true])
  func shortSend(throughLibcurl: Bool) throws {
    let server = ScriptedServer { _ in [.answer(200), .close] }
    defer { server.stop() }
    let connection = try Dialer(throughLibcurl: throughLibcurl).open(url: HTTPURL(server.url))
    let body = [UInt8](repeating: 0x61, count: 16 << 20)
    let bytes = bytes("POST / HTTP/1.1\r\nContent-Length: \(body.count)\r\n\r\n") + body
    var sent = 0
    var pauses = 0
    while sent < bytes.count {
      switch try connection.send(bytes, from: sent) {
      case .bytes(let count): sent += count
      case .wouldBlock:
        pauses += 1
        wait(connection, POLLOUT)
      case .closed: Issue.record("a send never ends so")
      }
    }
    #expect(pauses > 0)
    #expect(try readToEnd(connection).hasPrefix("HTTP/1.1 200"))
    #expect(server.requests.first?.body == body)
  }

  @Test("many are opened side by side, and stay open while others are opened and let go")
  func sideBySide() throws {
    let server = ScriptedServer { _ in [.answer(200), .close] }
    defer { server.stop() }
    let dialer = try Dialer()
    let first = try dialer.open(url: HTTPURL(server.url))
    var tickets = Set(try (0..<20).map { _ in try dialer.begin(url: HTTPURL(server.url)) })
    var connections: [Connection] = []
    while dialer.openingCount > 0 {
      for (ticket, outcome) in dialer.poll(milliseconds: 1_000, besides: nil) {
        #expect(tickets.remove(ticket) != nil)
        if case .opened(let connection) = outcome { connections.append(connection) }
      }
    }
    #expect(tickets.isEmpty)
    #expect(connections.count == 20)
    #expect(Set(connections.map(\.descriptor)).count == 20)
    connections.removeFirst(10)
    for connection in connections + [first] {
      _ = try connection.send(Self.request)
      #expect(try readToEnd(connection).hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test("a port where nobody listens is reported as an error that names it")
  func refused() throws {
    let server = ScriptedServer { _ in [] }
    server.stop()
    let error = try #require(throws: HTTPClientError.self) { try Dialer().open(url: HTTPURL(server.url)) }
    #expect(error.kind == .notConnected)
    #expect(error.description.hasPrefix("connect http://127.0.0.1:\(server.port): "))
  }

  @Test("outlives its dialer")
  func outlivesDialer() throws {
    let server = ScriptedServer { _ in [.text("x"), .close] }
    defer { server.stop() }
    var dialer: Dialer? = try Dialer()
    let connection = try #require(try dialer?.open(url: HTTPURL(server.url)))
    dialer = nil
    _ = try connection.send(Self.request)
    #expect(try readToEnd(connection) == "x")
  }

  private func readToEnd(_ connection: Connection) throws -> String {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 3)
    while true {
      switch try connection.receive(into: &buffer) {
      case .bytes(let count): all += buffer[..<count]
      case .wouldBlock: wait(connection, POLLIN)
      case .closed: return text(all)
      }
    }
  }

  private func wait(_ connection: Connection, _ events: Int32) {
    var entry = pollfd(fd: connection.descriptor, events: Int16(events), revents: 0)
    poll(&entry, 1, 10_000)
  }
}

extension String {
  fileprivate func replacingScheme(_ scheme: String) -> String { scheme + drop { $0 != ":" } }
}
