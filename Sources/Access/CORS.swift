import Messaging

/// What a browser is told about pages of other origins (Fetch standard, "CORS protocol"). The functions say it themselves: a
/// function URL's own `Cors` cannot list OPTIONS.
///
/// Without `ACCESS_ORIGINS` every page may read what needs no cookie: `*`, which browsers take for requests without
/// credentials only. With it the pages that are named may, with their cookie too, and no others.
///
///     let cors = CORS(settings)
///     answer.headers += cors.fields(for: presented)                         // every answer, also a refusal
///     answer.headers += cors.preflight(for: presented, methods: ["GET"])    // of OPTIONS, which is answered 200
package struct CORS: Sendable {
  /// Empty: every page.
  private let origins: [String]

  /// What a preflight lists in any case: the words of the investment protocol.
  package static let headers = ["Content-Type", "Authorization"]
  /// And these to a page that asks for them: what readers of a stream send that are no EventSource.
  private static let headersOnRequest = ["Last-Event-ID", "x-api-key", "Cache-Control", "X-Correlation-ID"]
  /// How long a browser keeps a preflight's answer.
  private static let maximumAgeSeconds = 600
  /// A request lists few; more is not looked at.
  private static let maximumRequestBytes = 1024

  package init(_ settings: AccessSettings) { self.init(origins: settings.cookieOrigins) }

  package init(origins: [String]) { self.origins = origins }

  /// The fields of an answer.
  package func fields(for presented: PresentedCredentials) -> [(name: String, value: String)] {
    origin(for: presented) + [("Access-Control-Expose-Headers", "Retry-After, X-Correlation-ID")]
  }

  /// The fields of the answer to OPTIONS. `methods`: those of the route beside OPTIONS. A preflight that asks for no fields of its
  /// own is answered `GET, OPTIONS` and `Content-Type, Authorization`. A route with POST lists all fields.
  package func preflight(
    for presented: PresentedCredentials, methods: [String]
  ) -> [(name: String, value: String)] {
    let asked = presented.fields("Access-Control-Request-Headers").flatMap(Self.names)
    let added = Self.headersOnRequest.filter { name in
      methods.contains("POST") || asked.contains { $0.elementsEqual(name.utf8.map(ASCII.lowered)) }
    }
    return origin(for: presented) + [
      ("Access-Control-Allow-Methods", (methods + ["OPTIONS"]).joined(separator: ", ")),
      ("Access-Control-Allow-Headers", (Self.headers + added).joined(separator: ", ")),
      ("Access-Control-Max-Age", "\(Self.maximumAgeSeconds)"),
      ("Vary", "Access-Control-Request-Headers"),
    ]
  }

  /// Whether a page of that origin may read answers that depend on its cookie.
  private func allows(_ origin: String) -> Bool { origins.contains { $0.hasSameBytes(as: origin) } }

  /// An answer that names an origin is another one for each: a cache has to know (RFC 9110, section 12.5.5).
  private func origin(for presented: PresentedCredentials) -> [(name: String, value: String)] {
    guard !origins.isEmpty else { return [("Access-Control-Allow-Origin", "*")] }
    let vary = [(name: "Vary", value: "Origin")]
    let named = presented.fields("Origin")
    guard named.count == 1, allows(named[0]) else { return vary }
    return [
      ("Access-Control-Allow-Origin", named[0]), ("Access-Control-Allow-Credentials", "true"),
    ] + vary
  }

  /// In small letters.
  private static func names(_ field: String) -> [[UInt8]] {
    guard field.utf8.count <= maximumRequestBytes else { return [] }
    return field.utf8.split(separator: UInt8(ascii: ",")).map { ASCII.trimmed(Array($0)).map(ASCII.lowered) }
  }
}
