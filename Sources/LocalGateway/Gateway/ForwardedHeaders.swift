import HTTPWire

/// The headers of a request as an event has them.
enum ForwardedHeaders {
  private static let own = ["x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"]

  /// The client's headers with the case they came in, without those of the connection itself (`leavingOut`, in lower
  /// case), and with what API Gateway's own front adds.
  static func of(
    _ request: HTTPRequest, leavingOut names: [String], port: UInt16, makeTraceRoot: () -> String
  ) -> [(name: String, value: String)] {
    let left = names + own
    let kept = request.headers.all.filter { !left.contains($0.name.lowercased()) }
      .map { (name: $0.name, value: $0.name.lowercased() == "host" ? request.authority : $0.value) }
    let trace = request.headers.values("x-amzn-trace-id").first(where: TraceID.hasRoot)
    // Behind what proxies say of the client, whoever they are.
    let addresses = request.headers.values("x-forwarded-for") + [ConnectionIdentity.sourceIP]
    return kept + [
      (name: "X-Forwarded-For", value: addresses.joined(separator: ", ")), (name: "X-Forwarded-Port", value: "\(port)"),
      (name: "X-Forwarded-Proto", value: "http"),
      (name: "X-Amzn-Trace-Id", value: trace ?? makeTraceRoot()),
    ]
  }
}
