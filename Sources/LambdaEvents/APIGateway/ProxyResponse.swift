import JSON

/// What a function answers API Gateway: `{"statusCode":200,"headers":{…},"body":"…"}`.
///
/// Of a `$connect` answer the status decides the handshake; of a message's answer the body goes to the client if the
/// route has a route response, else it is dropped.
public struct ProxyResponse: Equatable, Sendable {
  /// 200 lets a client in at `$connect`; any other of 400 and above refuses it.
  public var statusCode: Int
  /// At `$connect` only, where API Gateway hands on `Sec-WebSocket-Protocol` and no other.
  public var headers: [(name: String, value: String)]
  /// UTF-8 text.
  public var body: [UInt8]?

  /// `ProxyResponse(200)` is an answer without a body.
  public init(_ statusCode: Int, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil) {
    self.statusCode = statusCode
    self.headers = headers
    self.body = body
  }

  /// An answer with that text for a body.
  ///
  ///     ProxyResponse(200, text: "hello")      // {"statusCode":200,"body":"hello"}
  public init(_ statusCode: Int, text: String) { self.init(statusCode, body: Array(text.utf8)) }

  /// An answer with a JSON body that says what was wrong.
  package init(_ statusCode: Int, error: String, message: String) {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("error", error)
      writer.member("message", message)
      writer.member("statusCode", statusCode)
    }
    self.init(statusCode, headers: [("Content-Type", "application/json")], body: writer.bytes)
  }

  package func encoded() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 64 + (body?.count ?? 0))
    writer.object { writer in
      writer.member("statusCode", statusCode)
      if !headers.isEmpty {
        writer.key("headers")
        writer.object { writer in
          for (name, value) in headers { writer.member(name, value) }
        }
      }
      if let body { writer.member("body", String(decoding: body, as: UTF8.self)) }
    }
    return writer.bytes
  }

  /// Equal in status, headers, their order, and body.
  public static func == (left: ProxyResponse, right: ProxyResponse) -> Bool {
    left.statusCode == right.statusCode && left.body == right.body
      && left.headers.elementsEqual(right.headers) { $0 == $1 }
  }
}
