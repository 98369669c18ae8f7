import HTTPWire
import TestSupport
import Testing
import WebSocketWire

@testable import LocalGateway

@Suite("The echo server", .timeLimit(.minutes(10)))
struct EchoServerTests {
  @Test("text, binary and large messages come back as they went, on any path")
  func echoes() throws {
    let test = try TestLoop()
    let server = try EchoServer(port: 0, loop: test.loop)
    defer { server.close() }
    let client = try WebSocketTestClient(port: server.port, test: test)
    try client.open("/anything?at=all")
    client.send(text: "héllo")
    client.send(binary: [0, 0xFF])
    let large = [UInt8](repeating: 0x5A, count: 5 << 20)
    client.send(binary: large)
    client.send(text: "")
    #expect(try client.text() == "héllo")
    #expect(try client.next() == .binary([0, 0xFF]))
    #expect(try client.next() == .binary(large))
    #expect(try client.next() == .text([]))
    client.close(code: 3999, reason: "bye")
    #expect(try client.next() == .close(code: 3999, reason: ""))
    #expect(try client.next() == nil)
  }

  @Test("a client that sends without reading is held back, and loses nothing")
  func backPressure() throws {
    let test = try TestLoop()
    let server = try EchoServer(port: 0, loop: test.loop)
    defer { server.close() }
    let client = try WebSocketTestClient(port: server.port, test: test)
    try client.open()
    client.http.client.reads = false
    for number in 0..<40 { client.send(binary: [UInt8](repeating: UInt8(number), count: 1 << 20)) }
    test.settle()
    client.http.client.reads = true
    for number in 0..<40 { #expect(try client.next() == .binary([UInt8](repeating: UInt8(number), count: 1 << 20))) }
  }

  @Test("a violation is answered with 1002 and the connection ended")
  func violation() throws {
    let test = try TestLoop()
    let server = try EchoServer(port: 0, loop: test.loop)
    defer { server.close() }
    let client = try WebSocketTestClient(port: server.port, test: test)
    try client.open()
    client.http.client.send(masked(0xC1, bytes("x")) + masked(0x81, bytes("after")))
    guard case .close(1002, _) = try client.next() else { return #expect(Bool(false), "no 1002") }
    #expect(try client.next() == nil)
  }
}
