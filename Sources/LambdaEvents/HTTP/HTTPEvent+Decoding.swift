import HTTPWire

extension HTTPEvent {
  /// Reads one request. Members that are not known are passed over.
  public init(decoding bytes: [UInt8]) throws(HTTPEventError) {
    let parts = try HTTPEventParts(bytes)
    guard let context = parts.context else { throw .missing("requestContext") }
    guard let body = parts.body else { throw .malformed("body: not base64") }
    switch parts.version {
    case "2.0": try self.init(format2: parts, context: context, body: body)
    // REST APIs say no version, HTTP APIs can be told to send format 1.0.
    case "1.0", nil: try self.init(format1: parts, context: context, body: body)
    case let version?: throw .unknownVersion(version)
    }
  }

  private init(
    format2 parts: HTTPEventParts, context: HTTPContextParts, body: [UInt8]
  ) throws(HTTPEventError) {
    guard let path = parts.rawPath else { throw .missing("rawPath") }
    guard let method = context.method else { throw .missing("requestContext.http.method") }
    let front: HTTPFront = context.domainName.split(separator: ".").contains("lambda-url") ? .functionURL : .httpAPI
    let query = parts.rawQuery.map(Self.parameters) ?? parts.query
    try self.init(
      context: HTTPRequestContext(context, front: front), method: method, path: path,
      rawQuery: parts.rawQuery ?? Self.text(of: parts.query), query: query,
      headers: Self.headers(parts.headers, cookies: parts.cookies ?? []), body: body)
    self.path = HTTPPath.withoutStage(path, stage: self.context.stage)
  }

  private init(
    format1 parts: HTTPEventParts, context: HTTPContextParts, body: [UInt8]
  ) throws(HTTPEventError) {
    guard let path = parts.path else { throw .missing("path") }
    guard let method = parts.httpMethod else { throw .missing("httpMethod") }
    let query = Self.merged(parts.query, multiple: parts.multiValueQuery)
    try self.init(
      context: HTTPRequestContext(context, front: .restAPI), method: method, path: path,
      rawQuery: Self.text(of: query), query: query,
      headers: HTTPFields(Self.merged(parts.headers, multiple: parts.multiValueHeaders)), body: body)
    // Behind the API's own domain `path` is without the stage already, and `requestContext.path` is with it.
    if context.path == nil || context.path == path {
      self.path = HTTPPath.withoutStage(path, stage: self.context.stage)
    }
  }

  private init(
    context: HTTPRequestContext, method: String, path: String, rawQuery: String,
    query: [(name: String, value: String)], headers: HTTPFields, body: [UInt8]
  ) throws(HTTPEventError) {
    guard path.utf8.first == UInt8(ascii: "/") else { throw .malformed("the path does not begin with a slash") }
    guard !method.isEmpty else { throw .malformed("the method is empty") }
    self.init(
      context: context, method: method, path: path, rawQuery: rawQuery, query: QueryParameters(query),
      headers: headers, body: body)
  }

  // MARK: Parts

  /// `a=1&b=%20`, decoded as browsers decode it.
  static func parameters(_ query: String) -> [(name: String, value: String)] {
    query.split(separator: "&").map { part in
      let equals = part.firstIndex(of: "=")
      let value = equals.map { part[part.index(after: $0)...] } ?? ""
      return (
        PercentEncoding.decodeLeniently(part[..<(equals ?? part.endIndex)], plusIsSpace: true),
        PercentEncoding.decodeLeniently(value, plusIsSpace: true)
      )
    }
  }

  /// The query that decodes to these.
  static func text(of parameters: [(name: String, value: String)]) -> String {
    parameters.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
  }

  /// All of `multiple`, and of `single` those whose name is not among them.
  private static func merged(
    _ single: [(name: String, value: String)], multiple: [(name: String, value: String)]
  ) -> [(name: String, value: String)] {
    guard !multiple.isEmpty else { return single }
    let names = Set(multiple.map { $0.name.lowercased() })
    return multiple + single.filter { !names.contains($0.name.lowercased()) }
  }

  private static func headers(_ pairs: [(name: String, value: String)], cookies: [String]) -> HTTPFields {
    guard !cookies.isEmpty else { return HTTPFields(pairs) }
    let others = pairs.filter { !HTTPFields.isSame($0.name, as: "cookie") }
    return HTTPFields(others + [("cookie", cookies.joined(separator: "; "))])
  }
}

extension HTTPRequestContext {
  init(_ parts: HTTPContextParts, front: HTTPFront) {
    self.init(
      front: front, requestID: parts.requestID, stage: parts.stage ?? "$default", domainName: parts.domainName,
      apiID: parts.apiID, sourceAddress: parts.sourceAddress, userAgent: parts.userAgent,
      httpVersion: parts.httpVersion, requestTime: parts.requestTime,
      requestTimeMilliseconds: parts.requestTimeMilliseconds, authorizer: parts.authorizer)
  }
}
