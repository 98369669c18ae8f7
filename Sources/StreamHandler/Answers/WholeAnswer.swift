import JSON
import LambdaRuntime

/// An answer that is whole at once.
struct WholeAnswer: Equatable {
  let status: Int
  var headers: [(name: String, value: String)] = []
  let body: [UInt8]

  init(_ status: Int, body: [UInt8] = [], headers: [(name: String, value: String)] = []) {
    self.status = status
    self.body = body
    self.headers = headers
  }

  init(_ status: Int, json: [UInt8]) {
    self.init(status, body: json, headers: [("Content-Type", "application/json")])
  }

  static func == (left: WholeAnswer, right: WholeAnswer) -> Bool {
    left.status == right.status && left.body == right.body && left.headers.elementsEqual(right.headers) { $0 == $1 }
  }
}

/// Why a request gets no stream.
struct StreamRefusal: Error, Equatable {
  let status: Int
  let message: String
  var headers: [(name: String, value: String)] = []
  /// Coming back with the same is in vain.
  var isFinal = false

  init(_ status: Int, _ message: String, headers: [(name: String, value: String)] = []) {
    self.status = status
    self.message = message
    self.headers = headers
  }

  static func == (left: StreamRefusal, right: StreamRefusal) -> Bool {
    left.status == right.status && left.message == right.message
  }

  /// As RFC 9110 names it.
  var title: String {
    switch status {
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 413: "Content Too Large"
    case 429: "Too Many Requests"
    case 500: "Internal Server Error"
    default: "Service Unavailable"
    }
  }

  func body(_ form: Route.ErrorForm) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("error", title)
      guard form == .full else { return }
      writer.member("message", message)
      writer.member("statusCode", status)
    }
    return writer.bytes
  }

  /// Whether it tells of who asked, and not of the server.
  var isOfTheClient: Bool { status < 500 }
}
