import Messaging

/// What pages of other origins may read (Fetch standard, "CORS protocol"). The handler says it: a function URL's own setting
/// cannot allow OPTIONS.
struct CrossOrigin: Sendable {
  /// Pages whose credentials count. Empty: any page may read, and none brings a cookie.
  let origins: [String]

  private static let getHeaders = ["Content-Type", "Authorization"]
  private static let postHeaders = getHeaders + ["Last-Event-ID", "x-api-key", "Cache-Control"]

  /// `route` nil: the path is none of the file's.
  func headers(
    for request: StreamRequest, methods: [String], allowing route: Route? = nil
  ) -> [(name: String, value: String)] {
    let allowed = route?.allowedHeaders ?? (methods.contains("POST") ? Self.postHeaders : Self.getHeaders)
    return origin(of: request) + [
      ("Access-Control-Allow-Methods", (methods + ["OPTIONS"]).joined(separator: ", ")),
      ("Access-Control-Allow-Headers", allowed.joined(separator: ", ")),
      ("Access-Control-Expose-Headers", "X-Correlation-ID, Retry-After"),
    ]
  }

  /// An origin that is not allowed gets no header that names it, and its page reads nothing.
  private func origin(of request: StreamRequest) -> [(name: String, value: String)] {
    guard !origins.isEmpty else { return [("Access-Control-Allow-Origin", "*")] }
    guard let origin = request.header("Origin"), let known = origins.first(where: { $0.hasSameBytes(as: origin) }) else {
      return [("Vary", "Origin")]
    }
    return [
      ("Access-Control-Allow-Origin", known), ("Access-Control-Allow-Credentials", "true"), ("Vary", "Origin"),
    ]
  }
}
