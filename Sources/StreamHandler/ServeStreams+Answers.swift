import Access
import ConnectionStore
import Connections
import Frames
import JSON
import LambdaRuntime
import Messaging
import Telemetry

// What a request is answered.
extension ServeStreams {
  mutating func answer(_ request: StreamRequest, context: InvocationContext, writer: ResponseWriter) throws -> Answer {
    let correlationID =
      request.header(CorrelationID.header).flatMap(CorrelationID.init)
      ?? CorrelationID((sources.randomness.next(), sources.randomness.next()))
    let log = log.with([
      "requestId": .identifier(context.requestID), "correlationId": .correlation(correlationID),
    ])
    var headers = [(name: CorrelationID.header, value: correlationID.text)]
    if request.method == "OPTIONS" {
      headers += cors.preflight(for: request.credentials, methods: methods(of: request))
      return try send(WholeAnswer(200), headers, writer)
    }
    var found: Route?
    do {
      if let (short, values) = try match(short: request) {
        headers += originFields(of: request, route: short.route)
        let asked = AskedStream(request: request, route: short.route, values: values, correlationID: correlationID)
        return try send(answer(short, asked, log: log), headers, writer)
      }
      let (route, values) = try match(request)
      found = route
      headers += originFields(of: request, route: route)
      let asked = AskedStream(request: request, route: route, values: values, correlationID: correlationID)
      return try open(asked, context: context, headers: headers, log: log, writer: writer)
    } catch let refusal as StreamRefusal {
      if headers.count == 1 { headers += cors.fields(for: request.credentials) }
      log.warn(
        "request refused",
        [
          "event": "audit", "status": .number(Int64(refusal.status)), "reason": .text(refusal.message),
          "path": .text("/" + request.path.joined(separator: "/")), "address": .identifier(request.sourceAddress),
        ])
      return try refuse(refusal, request: request, route: found, headers: headers, writer: writer)
    } catch let error as TableError {
      log.error("no stream: the table cannot be used", ["reason": .text(error.description)])
      let refusal = StreamRefusal(500, "Failed to establish SSE connection")
      return try refuse(refusal, request: request, route: found, headers: headers, writer: writer)
    }
  }

  /// Nil: it is a stream's, or none.
  private func match(short request: StreamRequest) throws(StreamRefusal) -> (ShortRoute, [String: String])? {
    var allowed: [String] = []
    for path in [request.path, Array(request.path.dropFirst())] {
      for short in ShortRoute.allCases {
        guard let values = short.path.match(path) else { continue }
        if short.method.rawValue == request.method {
          try refuseBodyOfGet(request)
          return (short, values)
        }
        allowed += [short.method.rawValue, "OPTIONS"]
      }
    }
    guard allowed.isEmpty else {
      let names = allowed.joined(separator: ", ")
      throw StreamRefusal(405, "allowed are \(names)", headers: [("Allow", names)])
    }
    return nil
  }

  private func match(_ request: StreamRequest) throws(StreamRefusal) -> (Route, [String: String]) {
    switch routes.match(method: request.method, path: request.path) {
    case .route(let route, let values):
      try refuseBodyOfGet(request)
      return (route, values)
    case .otherMethod(let allowed):
      throw StreamRefusal(
        405, "allowed are \((allowed + ["OPTIONS"]).joined(separator: ", "))",
        headers: [("Allow", (allowed + ["OPTIONS"]).joined(separator: ", "))])
    case .none: throw StreamRefusal(404, "there is nothing at this path")
    }
  }

  /// A proxy may pass such a body on or take it for another request (RFC 9110, section 9.3.1).
  private func refuseBodyOfGet(_ request: StreamRequest) throws(StreamRefusal) {
    guard request.method == "GET", !request.body.isEmpty else { return }
    throw StreamRefusal(400, "a GET has no body here")
  }

  private func methods(of request: StreamRequest) -> [String] {
    var methods = routes.methods(of: request.path)
    for path in [request.path, Array(request.path.dropFirst())] {
      methods += ShortRoute.allCases.filter { $0.path.match(path) != nil }.map(\.method.rawValue)
    }
    return methods.isEmpty ? ["GET"] : methods
  }

  /// The investment protocol has them on every answer, and not on preflights alone.
  private func originFields(of request: StreamRequest, route: Route) -> [(name: String, value: String)] {
    let allowed = route.allowedHeaders ?? CORS.headers
    return cors.fields(for: request.credentials) + [
      (name: "Access-Control-Allow-Methods", value: "\(route.method.rawValue), OPTIONS"),
      (name: "Access-Control-Allow-Headers", value: allowed.joined(separator: ", ")),
    ]
  }

  // MARK: Sending

  func send(
    _ whole: WholeAnswer, _ headers: [(name: String, value: String)], _ writer: ResponseWriter
  ) throws -> Answer {
    try writer.begin(
      whole.status, headers: headers + whole.headers + [("Cache-Control", "no-cache, no-store, private")])
    // A front may hold back a head without a byte behind it.
    writer.write(whole.body.isEmpty && whole.status != 204 ? [UInt8(ascii: "\n")] : whole.body)
    return .whole
  }

  /// A browser's EventSource gives up for good at any status but 200. So whoever was let in before, as the id tells that comes
  /// back, is told in a stream, and comes back again later.
  private mutating func refuse(
    _ refusal: StreamRefusal, request: StreamRequest, route: Route?, headers: [(name: String, value: String)],
    writer: ResponseWriter
  ) throws -> Answer {
    metrics?.count("Refusals", by: ("Status", "\(refusal.status)"))
    if refusal.isFinal, request.lastEventID != nil { return try send(WholeAnswer(204), headers, writer) }
    guard let route, request.lastEventID != nil else {
      let whole = WholeAnswer(refusal.status, json: refusal.body(route?.errors ?? .full))
      return try send(whole, headers + refusal.headers, writer)
    }
    var error = JSONWriter()
    error.object { writer in
      writer.member("type", "error")
      writer.member("code", refusal.code)
      writer.member("error", refusal.title)
      writer.member("message", refusal.message)
      writer.member("statusCode", refusal.status)
    }
    let form = FrameForm(framing: route.framing, form: route.form)
    let wait = sources.jittered(milliseconds: refusal.waitMilliseconds(sources.settings))
    try writer.begin(200, headers: headers + EventStream.headers(isCompressed: false))
    writer.write(form.control("error", data: error.bytes, retryMilliseconds: wait))
    return .whole
  }
}

extension StreamRefusal {
  /// In one word, for programs.
  var code: String {
    switch status {
    case 401: "unauthorized"
    case 403: "forbidden"
    case 404: "not_found"
    case 429: "too_many"
    case 400...499: "bad_request"
    default: "unavailable"
    }
  }

  /// What does not pass by itself is asked about seldom.
  func waitMilliseconds(_ settings: StreamSettings) -> Int64 {
    isOfTheClient ? 12 * settings.retryMilliseconds : 2 * settings.retryMilliseconds
  }
}

extension EventStream {
  /// Of the answer: what holds back, changes or keeps a stream is told not to.
  static func headers(isCompressed: Bool, isPublic: Bool = false) -> [(name: String, value: String)] {
    var headers = [
      (name: "Content-Type", value: "text/event-stream"),
      (name: "Cache-Control", value: isPublic ? "no-cache" : "no-cache, no-store, private"),
      (name: "X-Accel-Buffering", value: "no"),
      (name: "Vary", value: isPublic ? "Accept-Encoding" : "Accept-Encoding, Authorization, Cookie"),
    ]
    if isCompressed { headers.append((name: "Content-Encoding", value: "gzip")) }
    return headers
  }
}
