import Messaging
import Telemetry
import Testing

@testable import Access

@Suite("What pages of other origins are told")
struct CORSTests {
  private typealias Fields = [String: String]

  /// A field that came several times, in one.
  private func joined(_ fields: [(name: String, value: String)]) -> Fields {
    fields.reduce(into: [:]) { joined, field in
      joined[field.name] = joined[field.name].map { "\($0), \(field.value)" } ?? field.value
    }
  }

  private func presented(_ headers: (String, String)...) -> PresentedCredentials {
    PresentedCredentials(headers: headers.map { (name: $0, value: $1) })
  }

  private let origin = "https://app.example.com"

  @Test("without allowed origins every page may read, and none with its cookie")
  func open() {
    let cors = CORS(origins: [])
    for request in [presented(), presented(("Origin", origin)), presented(("Origin", "null"))] {
      let fields = joined(cors.fields(for: request))
      #expect(fields["Access-Control-Allow-Origin"] == "*")
      #expect(fields["Access-Control-Allow-Credentials"] == nil && fields["Vary"] == nil)
    }
  }

  @Test("an allowed origin is named with its cookie, another is not, and caches are told that answers differ")
  func allowed() {
    let cors = CORS(origins: [origin, "https://b.example"])
    let fields = joined(cors.fields(for: presented(("origin", origin))))
    #expect(fields["Access-Control-Allow-Origin"] == origin && fields["Access-Control-Allow-Credentials"] == "true")
    #expect(fields["Vary"] == "Origin")
    for request in [
      presented(), presented(("Origin", "https://evil.example")), presented(("Origin", "null")),
      presented(("Origin", "\(origin).evil.example")), presented(("Origin", "https://app.example.com:8443")),
      presented(("Origin", "HTTPS://APP.EXAMPLE.COM")), presented(("Origin", "\(origin)\r\nX: y")),
      presented(("Origin", origin), ("Origin", "https://evil.example")),
    ] {
      let fields = joined(cors.fields(for: request))
      #expect(fields["Access-Control-Allow-Origin"] == nil && fields["Access-Control-Allow-Credentials"] == nil)
      #expect(fields["Vary"] == "Origin")
    }
  }

  @Test("a preflight is answered with the investment protocol's words, and with what a page asks for that may be had")
  func preflight() {
    let cors = CORS(origins: [])
    let plain = joined(cors.preflight(for: presented(("Origin", origin)), methods: ["GET"]))
    #expect(plain["Access-Control-Allow-Methods"] == "GET, OPTIONS")
    #expect(plain["Access-Control-Allow-Headers"] == "Content-Type, Authorization")
    #expect(plain["Access-Control-Allow-Origin"] == "*" && plain["Vary"] == "Access-Control-Request-Headers")
    let asked = ("Access-Control-Request-Headers", "last-event-id, X-API-KEY,x-evil,authorization")
    let more = joined(cors.preflight(for: presented(asked), methods: ["GET"]))
    #expect(more["Access-Control-Allow-Headers"] == "Content-Type, Authorization, Last-Event-ID, x-api-key")
    let post = joined(CORS(origins: [origin]).preflight(for: presented(("Origin", origin)), methods: ["POST"]))
    #expect(post["Access-Control-Allow-Methods"] == "POST, OPTIONS")
    #expect(
      post["Access-Control-Allow-Headers"]
        == "Content-Type, Authorization, Last-Event-ID, x-api-key, Cache-Control, X-Correlation-ID")
    #expect(post["Vary"] == "Origin, Access-Control-Request-Headers" && post["Access-Control-Max-Age"] == "600")
  }

  @Test("nothing that a page wrote comes back but an origin that is allowed")
  func nothingComesBack() {
    let evil = String(repeating: "last-event-id,", count: 1_000) + "x\r\nSet-Cookie: a=b"
    let request = presented(("Access-Control-Request-Headers", evil), ("Origin", "https://e\r\nx: y"))
    for cors in [CORS(origins: []), CORS(origins: [origin])] {
      for field in cors.preflight(for: request, methods: ["GET"]) + cors.fields(for: request) {
        #expect(!field.value.contains("\n") && !field.value.contains("evil") && field.value.utf8.count < 200)
      }
    }
  }

  @Test("the origins are those that may use the session cookie")
  func settings() throws {
    let settings = try AccessSettings(environment: Environment(["ACCESS_ORIGINS": "\(origin), https://b.example"]))
    let fields = joined(CORS(settings).fields(for: presented(("Origin", "https://b.example"))))
    #expect(fields["Access-Control-Allow-Origin"] == "https://b.example")
  }
}
