import HTTPWire
import Telemetry
import WebSocketWire

/// A plain RFC 6455 server that sends every message back: the gateway's own WebSocket code with API Gateway's limits
/// lifted, for conformance suites.
final class EchoServer: HTTPRequestHandler {
  private let server: HTTPServer
  private let hub: WebSocketHub

  /// Listens at once; messages of up to 64 MB, text and binary.
  init(port: UInt16, loop: EventLoop, log: Log? = nil) throws(ListenError) {
    let buffer = ReadBuffer()
    server = try HTTPServer(port: port, loop: loop, buffer: buffer, log: log)
    hub = WebSocketHub(loop: loop, buffer: buffer)
    server.add(self)
  }

  var port: UInt16 { server.port }

  func close() {
    server.close()
    hub.close()
  }

  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    guard let headers = WebSocketUpgrade.check(request, responder: responder) else { return true }
    guard let connection = responder.upgrade(headers: headers.accepting(subprotocol: nil)) else { return true }
    let limits = WebSocketSession.Limits(messageBytes: 64 << 20, frameBytes: 64 << 20)
    let channel = WebSocketChannel(connection, limits: limits, sendBufferBytes: 1 << 20, hub: hub)
    channel.start(Echo(channel), input: connection.input)
    return true
  }

  private final class Echo: WebSocketChannelOwner {
    private unowned let channel: WebSocketChannel

    init(_ channel: WebSocketChannel) { self.channel = channel }

    func received(_ message: WebSocketMessage) {
      switch message {
      case .text(let text): channel.send(text: text)
      case .binary(let bytes): channel.send(binary: bytes)
      default: break
      }
    }

    func ended(code: UInt16, reason: String) {}
  }
}
