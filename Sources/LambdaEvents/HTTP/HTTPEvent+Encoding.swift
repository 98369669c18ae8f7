import HTTPWire
import JSON
import Messaging

/// Requests as the fronts hand them over; the local gateway makes its own with these.
extension HTTPEvent {
  /// A request whose target is `path` and `rawQuery` as they came, without a stage, and whose headers are all that
  /// came, in their order.
  package init(
    context: HTTPRequestContext, method: String, path: String, rawQuery: String,
    headers: [(name: String, value: String)], body: [UInt8] = []
  ) {
    self.init(
      context: context, method: method, path: path, rawQuery: rawQuery,
      query: QueryParameters(Self.parameters(rawQuery)), headers: HTTPFields(headers), body: body)
  }

  /// The event in the format of its front, with the members in the order in which AWS documents them.
  package func encoded() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 2_048 + body.count * 4 / 3)
    writer.object { writer in
      switch context.front {
      case .functionURL, .httpAPI: encodeFormat2(to: &writer)
      case .restAPI: encodeFormat1(to: &writer)
      }
      encodeBody(to: &writer)
    }
    return writer.bytes
  }

  // MARK: Format 2.0

  private func encodeFormat2(to writer: inout JSONWriter) {
    writer.member("version", "2.0")
    writer.member("routeKey", "$default")
    writer.member("rawPath", pathWithStage)
    writer.member("rawQueryString", rawQuery)
    let cookies = headers.values("cookie").flatMap(Self.cookies)
    if !cookies.isEmpty {
      writer.key("cookies")
      writer.array { writer in
        for cookie in cookies { writer.string(cookie) }
      }
    }
    let others = headers.pairs.lazy.filter { !HTTPFields.isSame($0.name, as: "cookie") }
    writer.member("headers", joined: Self.grouped(others.map { (name: $0.name.lowercased(), value: $0.value) }))
    if !query.pairs.isEmpty { writer.member("queryStringParameters", joined: Self.grouped(query.pairs)) }
    writer.key("requestContext")
    context.encodeFormat2(to: &writer, method: method, path: pathWithStage)
  }

  /// HTTP APIs leave the stage in the path.
  private var pathWithStage: String {
    context.front == .httpAPI && context.stage != "$default" ? "/\(context.stage)\(path)" : path
  }

  private static func cookies(in field: String) -> [String] {
    field.split(separator: ";").map { String($0.drop { $0 == " " }) }
  }

  // MARK: Format 1.0

  private func encodeFormat1(to writer: inout JSONWriter) {
    writer.member("resource", "/{proxy+}")
    writer.member("path", path)
    writer.member("httpMethod", method)
    let headers = Self.grouped(headers.pairs)
    writer.member("headers", lastOf: headers)
    writer.member("multiValueHeaders", allOf: headers)
    let query = Self.grouped(query.pairs)
    writer.member("queryStringParameters", lastOf: query)
    writer.member("multiValueQueryStringParameters", allOf: query)
    writer.key("pathParameters")
    writer.object { $0.member("proxy", String(path.dropFirst())) }
    writer.key("stageVariables")
    writer.null()
    writer.key("requestContext")
    context.encodeFormat1(to: &writer, method: method, path: "/\(context.stage)\(path)")
  }

  // MARK: Parts

  /// Binary bodies come in base64. Of format 2.0 every body counts as binary whose type is none of text; of REST APIs
  /// those that are no text.
  private func encodeBody(to writer: inout JSONWriter) {
    let text = isText ? String(validating: body, as: UTF8.self) : nil
    writer.key("body")
    if body.isEmpty {
      writer.null()
    } else {
      writer.string(text ?? Base64.encode(body))
    }
    writer.member("isBase64Encoded", text == nil && !body.isEmpty)
  }

  private var isText: Bool {
    guard context.front != .restAPI else { return true }
    let type = (headers["content-type"] ?? "").prefix { $0 != ";" }.lowercased()
    return type.hasPrefix("text/") || type.hasSuffix("json") || type.hasSuffix("xml") || type.hasSuffix("javascript")
  }

  /// Each name once, where it came first, with all of its values.
  private static func grouped(
    _ pairs: some Sequence<(name: String, value: String)>
  ) -> [(name: String, values: [String])] {
    var groups: [(name: String, values: [String])] = []
    var indices: [String: Int] = [:]
    for (name, value) in pairs {
      if let index = indices[name] {
        groups[index].values.append(value)
      } else {
        indices[name] = groups.count
        groups.append((name, [value]))
      }
    }
    return groups
  }
}

extension HTTPRequestContext {
  fileprivate func encodeFormat2(to writer: inout JSONWriter, method: String, path: String) {
    writer.object { writer in
      writer.member("accountId", "anonymous")
      writer.member("apiId", apiID)
      if let authorizer { writer.member("authorizer", raw: authorizer) }
      writer.member("domainName", domainName)
      writer.member("domainPrefix", String(domainName.prefix { $0 != "." }))
      writer.key("http")
      writer.object { writer in
        writer.member("method", method)
        writer.member("path", path)
        writer.member("protocol", httpVersion)
        writer.member("sourceIp", sourceAddress)
        writer.member("userAgent", ifPresent: userAgent)
      }
      writer.member("requestId", requestID)
      writer.member("routeKey", "$default")
      writer.member("stage", stage)
      writer.member("time", requestTime)
      writer.member("timeEpoch", requestTimeMilliseconds)
    }
  }

  fileprivate func encodeFormat1(to writer: inout JSONWriter, method: String, path: String) {
    writer.object { writer in
      writer.member("resourcePath", "/{proxy+}")
      writer.member("httpMethod", method)
      writer.member("extendedRequestId", requestID)
      writer.member("requestTime", requestTime)
      writer.member("path", path)
      writer.member("protocol", httpVersion)
      writer.member("stage", stage)
      writer.member("domainPrefix", String(domainName.prefix { $0 != "." }))
      writer.member("requestTimeEpoch", requestTimeMilliseconds)
      writer.member("requestId", requestID)
      if let authorizer { writer.member("authorizer", raw: authorizer) }
      writer.key("identity")
      writer.object { writer in
        writer.member("sourceIp", sourceAddress)
        writer.member("userAgent", ifPresent: userAgent)
      }
      writer.member("domainName", domainName)
      writer.member("apiId", apiID)
    }
  }
}

extension JSONWriter {
  fileprivate typealias Groups = [(name: String, values: [String])]

  /// `{"name":"one,two"}`.
  fileprivate mutating func member(_ name: String, joined groups: Groups) {
    key(name)
    object { writer in
      for (name, values) in groups { writer.member(name, values.joined(separator: ",")) }
    }
  }

  /// `{"name":"two"}`, or null without any.
  fileprivate mutating func member(_ name: String, lastOf groups: Groups) {
    key(name)
    guard !groups.isEmpty else { return null() }
    object { writer in
      for (name, values) in groups { writer.member(name, values.last ?? "") }
    }
  }

  /// `{"name":["one","two"]}`, or null without any.
  fileprivate mutating func member(_ name: String, allOf groups: Groups) {
    key(name)
    guard !groups.isEmpty else { return null() }
    object { writer in
      for (name, values) in groups {
        writer.key(name)
        writer.array { writer in
          for value in values { writer.string(value) }
        }
      }
    }
  }
}
