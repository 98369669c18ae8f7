import JSON

/// What a function answers API Gateway: `{"statusCode":200,"headers":{…},"body":"…"}`.
///
/// Of a `$connect` answer the status decides the handshake; of a message's answer the body goes to the client if the
/// route has a route response, else it is dropped.
package struct ProxyResponse: Equatable, Sendable {
  package var statusCode: Int
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]?

  package init(_ statusCode: Int, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil) {
    self.statusCode = statusCode
    self.headers = headers
    self.body = body
  }

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

  package static func == (left: ProxyResponse, right: ProxyResponse) -> Bool {
    left.statusCode == right.statusCode && left.body == right.body
      && left.headers.elementsEqual(right.headers) { $0 == $1 }
  }
}
