import HTTPWire

/// A request, whole, as it came.
struct HTTPRequest {
  let method: String
  private let destination: HTTPDestination
  let headers: HTTPHeaders
  let body: [UInt8]
  /// Who speaks HTTP/1.0 cannot change to another protocol (RFC 9110 section 7.8).
  let isHTTP10: Bool

  /// What was read, its body moved out.
  init(_ reader: inout HTTPReader) throws(HTTPDestinationError) {
    method = reader.method
    headers = reader.headers
    isHTTP10 = reader.isHTTP10
    destination = try HTTPDestination(method: method, target: reader.target, hosts: headers.values("host"))
    body = reader.consumeBody()
  }

  /// Path and query as they were sent, still percent-encoded.
  var target: String { destination.target }

  /// The server it is meant for, its port included if the client named it.
  var authority: String { destination.authority }

  /// The target up to the question mark.
  var path: Substring { target.prefix { $0 != "?" } }

  /// What follows the question mark, if there is one.
  var query: Substring? {
    guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return nil }
    return target[target.utf8.index(after: mark)...]
  }

  var asksForWebSocket: Bool { headers.contains("upgrade", token: "websocket") }
}

/// Something that answers some of a server's requests.
protocol HTTPRequestHandler: AnyObject {
  /// Takes the request and answers it, at once or later, through `responder`, and returns true; or returns false,
  /// leaving it to the server's next handler.
  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool
}

/// The way back to the client of one request. Exactly one of the answers is given, once; later ones are dropped, as are
/// answers to a client that has gone.
struct HTTPResponder {
  let connection: HTTPConnection
  let exchange: UInt64

  init(connection: HTTPConnection, exchange: UInt64) {
    self.connection = connection
    self.exchange = exchange
  }

  /// False once it was answered or the client has gone.
  var isOpen: Bool { connection.isAnswering(exchange) }

  func respond(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
    connection.answer(exchange, status: status, headers: headers, body: body)
  }

  /// An answer whose bytes are known beforehand, head and `Content-Length` included.
  func respond(status: Int, prepared: StaticString) {
    connection.answer(exchange, status: status, prepared: prepared)
  }

  /// Closes the connection without an answer.
  func abandon() { connection.abandon(exchange) }

  /// Calls `action` if the client closes before it was answered. Only then is that looked for: a client that closed
  /// its sending half alone gets its answer otherwise.
  func onClientGone(_ action: @escaping () -> Void) { connection.onClientGone(exchange, action) }

  /// Answers 101 and takes the socket out of the server; nil if the client has gone.
  func upgrade(headers: [(name: String, value: String)]) -> UpgradedConnection? {
    connection.upgrade(exchange, headers: headers)
  }
}

/// A connection that speaks HTTP no more. It is not in the loop; the new owner closes it.
struct UpgradedConnection {
  let socket: Socket
  /// What the client sent already after its request.
  let input: [UInt8]
  /// What is not written yet.
  let output: OutputBuffer
}

extension HTTPResponder {
  /// A refusal in the shape API Gateway gives its own: `{"message":"Forbidden"}`. The text is to be free of quotes.
  func refuse(status: Int, message: String, headers: [(name: String, value: String)] = []) {
    respond(
      status: status, headers: [("Content-Type", "application/json")] + headers,
      body: Array("{\"message\":\"\(message)\"}".utf8))
  }
}
