import HTTPWire
import JSON

/// Status, headers and cookies of a streamed HTTP answer, checked before anything is sent.
///
///     try ResponseHead(200, headers: [("Content-Type", "text/event-stream")], cookies: ["a=1; Path=/"])
public struct ResponseHead: Sendable {
  /// 200 to 599.
  public let status: Int
  /// In the order given. Fields of one name are sent as one, separated by commas (RFC 9110 section 5.3).
  public let headers: [(name: String, value: String)]
  /// Each the value of a `Set-Cookie`.
  public let cookies: [String]

  /// API Gateway looks for the end of the prelude in so many bytes; nothing else would be taken.
  static let maximumPreludeBytes = 16 << 10

  /// JSON and eight NULs, which stand before the body.
  /// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
  let prelude: [UInt8]

  /// Throws where a header could not be sent as it is, or would say how the body is framed, which is the front's to say.
  public init(
    _ status: Int = 200, headers: [(name: String, value: String)] = [], cookies: [String] = []
  ) throws(ResponseHeadError) {
    guard 200...599 ~= status else { throw .status(status) }
    for (name, value) in headers { try Self.check(name: name, value: value) }
    for cookie in cookies where !HTTPWriter.isSafe(headerValue: cookie) { throw .value(ofHeader: "Set-Cookie") }
    self.status = status
    self.headers = headers
    self.cookies = cookies
    prelude = Self.prelude(status: status, headers: headers, cookies: cookies)
    guard prelude.count <= Self.maximumPreludeBytes else { throw .tooLarge(bytes: prelude.count) }
  }

  private static func check(name: String, value: String) throws(ResponseHeadError) {
    guard HTTPWriter.isSafe(headerName: name) else { throw .name(name) }
    guard HTTPWriter.isSafe(headerValue: value) else { throw .value(ofHeader: name) }
    guard !HTTPWriter.isFraming(headerName: name) else { throw .framing(name) }
    // Several of them cannot be joined by commas, as other fields are.
    guard name.lowercased() != "set-cookie" else { throw .cookie }
  }

  /// Members that function URLs and REST APIs understand alike: no `multiValueHeaders`, which a URL does not.
  private static func prelude(
    status: Int, headers: [(name: String, value: String)], cookies: [String]
  ) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("statusCode", status)
      writer.key("headers")
      writer.object { writer in
        for (name, value) in joined(headers) { writer.member(name, value) }
      }
      guard !cookies.isEmpty else { return }
      writer.key("cookies")
      writer.array { writer in
        for cookie in cookies { writer.string(cookie) }
      }
    }
    return writer.bytes + [UInt8](repeating: 0, count: 8)
  }

  /// Each name once, as it was written first.
  private static func joined(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
    var joined: [(name: String, value: String)] = []
    var indices: [String: Int] = [:]
    for (name, value) in headers {
      if let index = indices[name.lowercased()] {
        joined[index].value += ", \(value)"
      } else {
        indices[name.lowercased()] = joined.count
        joined.append((name, value))
      }
    }
    return joined
  }
}

/// A status, header or cookie that cannot be sent.
public enum ResponseHeadError: LambdaError, Equatable, CustomStringConvertible {
  case status(Int)
  case name(String)
  /// The value is not repeated: it may be secret.
  case value(ofHeader: String)
  case framing(String)
  /// `Set-Cookie` among the headers.
  case cookie
  case tooLarge(bytes: Int)

  /// `Function.InvalidResponseHead`.
  public var errorType: String { "Function.InvalidResponseHead" }

  /// What is wrong, and what is allowed.
  public var description: String {
    switch self {
    case .status(let status): "status \(status): an answer has one from 200 to 599"
    case .name(let name): "'\(name.prefix(64))' is no header's name: letters, digits and !#$%&'*+-.^_`|~"
    case .value(let name): "the value of \(name.prefix(64)) has a control character: only the tab is allowed"
    case .cookie: "Set-Cookie stands in 'cookies', not in 'headers'"
    case .framing(let name): "\(name) is for the front to say, which frames the body"
    case .tooLarge(let bytes):
      "status, headers and cookies take \(bytes) bytes, API Gateway reads at most \(ResponseHead.maximumPreludeBytes)"
    }
  }
}
