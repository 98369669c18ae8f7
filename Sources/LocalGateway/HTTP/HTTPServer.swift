import Glibc
import HTTPWire
import Telemetry

/// How much a server takes and how long it waits.
struct HTTPServerLimits {
  var reader = HTTPReader.Limits(headBytes: 32 << 10, bodyBytes: 8 << 20)
  /// For a request to arrive whole, from its first byte on: half a request and silence is answered 408.
  var requestMilliseconds: Int64 = 10_000
  /// For a connection without a request, or one that does not read its answer.
  var idleMilliseconds: Int64 = 120_000
  /// For a refused client to stop sending.
  var drainMilliseconds: Int64 = 2000
}

/// HTTP/1.1 on a port of 127.0.0.1, kept alive, in the loop's thread.
///
///     let server = try HTTPServer(port: 0, loop: loop)
///     server.add(handler)                                  // asked in the order they are added; nobody: 404
final class HTTPServer: EventHandler {
  let loop: EventLoop
  let limits: HTTPServerLimits
  let port: UInt16
  let buffer: ReadBuffer
  let logsRequests: Bool

  /// Asked of each request with a body, once its head has come, whether the body is to be handed on while it comes;
  /// nil: no body is.
  var judgeBody: ((HTTPRequest, HTTPResponder) -> HTTPBodyPlan)?

  /// Told of a request whose client closed inside the body; it cannot be answered.
  var onTruncatedRequest: ((HTTPRequest) -> Void)?

  private let access: HTTPAccess
  private let requestLog: Log?
  private let listener: Socket
  private var handlers: [any HTTPRequestHandler] = []
  private var connections: [Int32: HTTPConnection] = [:]
  private var isSweeping = false
  private var isClosed = false

  /// Listens at once; port 0 takes any free one. `buffer` may be shared by everything on the loop. With a `log` each
  /// request is a line at debug level, its query left out.
  init(
    port: UInt16, loop: EventLoop, limits: HTTPServerLimits = HTTPServerLimits(), allowedOrigins: Set<String> = [],
    buffer: ReadBuffer = ReadBuffer(), log: Log? = nil
  ) throws(ListenError) {
    do {
      listener = try Socket.listen(port: port)
    } catch {
      throw ListenError(port: port, cause: error)
    }
    do {
      self.port = try listener.port()
      access = HTTPAccess(port: self.port, allowedOrigins: allowedOrigins)
      self.loop = loop
      self.limits = limits
      self.buffer = buffer
      requestLog = log
      logsRequests = log?.isEnabled(.debug) ?? false
      try loop.add(descriptor: listener.descriptor, interest: .readable, handler: self)
    } catch {
      listener.close()
      throw ListenError(port: port, cause: error)
    }
  }

  func add(_ handler: any HTTPRequestHandler) { handlers.append(handler) }

  /// Stops listening and closes every connection; answers that are still to come are dropped.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    loop.remove(descriptor: listener.descriptor)
    listener.close()
    for connection in Array(connections.values) { connection.close() }
    handlers = []
    judgeBody = nil
    onTruncatedRequest = nil
  }

  // MARK: Connections

  func ready(_ readiness: EventLoop.Readiness) {
    // Not all of a crowd in one go, so that those already here are served between.
    for _ in 0..<64 {
      do {
        guard let socket = try listener.accept() else { return }
        accept(socket)
      } catch {
        return pauseAccepting(error)
      }
    }
  }

  private func accept(_ socket: Socket) {
    let connection = HTTPConnection(socket, server: self)
    do {
      try loop.add(descriptor: socket.descriptor, interest: .readable, handler: connection)
    } catch {
      return socket.close()
    }
    connections[socket.descriptor] = connection
    if !isSweeping { scheduleSweep() }
  }

  /// Out of descriptors, most likely: a client that waits would be told of again and again.
  private func pauseAccepting(_ error: SystemError) {
    requestLog?.warn("cannot take a connection", ["error": .text(error.description)])
    loop.change(descriptor: listener.descriptor, to: [])
    loop.schedule(afterMilliseconds: 100) {
      if !self.isClosed { self.loop.change(descriptor: self.listener.descriptor, to: .readable) }
    }
  }

  func forget(_ socket: Socket) { connections[socket.descriptor] = nil }

  // MARK: Requests

  func dispatch(_ request: HTTPRequest, responder: HTTPResponder) {
    guard access.allows(request) else { return responder.refuse(status: 403, message: "Forbidden") }
    for handler in handlers where handler.handle(request, responder: responder) { return }
    responder.refuse(status: 404, message: "Not Found")
  }

  func log(_ method: String, path: String, status: Int, since start: Int64) {
    requestLog?.debug(
      "request",
      [
        "method": .text(method), "path": .text(path), "status": .number(Int64(status)),
        "milliseconds": .number(loop.clock.monotonicMilliseconds() - start),
      ])
  }

  // MARK: Patience

  private func scheduleSweep() {
    isSweeping = true
    let shortest = min(limits.requestMilliseconds, limits.idleMilliseconds, limits.drainMilliseconds)
    loop.schedule(afterMilliseconds: max(10, min(1000, shortest / 4))) { self.sweep() }
  }

  private func sweep() {
    isSweeping = false
    let now = loop.clock.monotonicMilliseconds()
    for connection in Array(connections.values) { connection.checkTimeout(now: now) }
    if !connections.isEmpty { scheduleSweep() }
  }
}

/// A server could not begin to listen.
struct ListenError: Error, CustomStringConvertible {
  let port: UInt16
  let cause: SystemError

  var isPortInUse: Bool { cause.number == EADDRINUSE }

  var description: String {
    isPortInUse
      ? "port \(port) of 127.0.0.1 is in use by another program; stop it or choose another port"
      : "cannot listen on port \(port) of 127.0.0.1: \(cause)"
  }
}
