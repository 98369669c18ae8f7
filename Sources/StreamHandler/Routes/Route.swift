import Messaging

/// A stream that can be asked for by HTTP, as a row of the file of routes says it.
struct Route: Sendable {
  /// Where it is: `/api/stream/strategies/:strategyId`.
  var path = RoutePath("")
  var method = Method.get
  /// What clients, logs and metrics call it.
  var name = ""
  var access = Access.required
  /// It shows events of a user, so it needs one.
  var needsUser = false
  /// The segment of the path that names the user.
  var userParameter: String?
  /// Which event types it shows; with `typesFrom` only where the client names none.
  var types: [String] = []
  /// Where a client names its types.
  var typesFrom: TypeSource?
  /// The query parameter with the keys of all its types.
  var keysParameter: String?
  /// Those types of which it shows one key, that of the path's segment `keyParameter`.
  var keyedTypes: [String] = []
  var keyParameter: String?
  var framing = Framing.named
  var form = Form.own
  var snapshots: [Snapshot] = []
  /// Says the newest event of these types again, each so many seconds.
  var repeated: Repeated?
  /// In the place of the comment `keepalive`: an event, each so many seconds.
  var heartbeat: Heartbeat?
  /// It ends after an event of one of these types.
  var endsWith: [String] = []
  var errors = ErrorForm.full
  /// It is there for those alone who have a last value of that type with the path's key.
  var existence: Existence?
  /// What `Access-Control-Allow-Headers` lists; nil: what the method's routes list.
  var allowedHeaders: [String]?

  enum Method: String, CaseIterable { case get = "GET", post = "POST" }

  enum Access: String, CaseIterable {
    /// As for a WebSocket.
    case required
    /// Nobody is asked; its types are public.
    case open = "public"
  }

  enum TypeSource: Equatable {
    case query(String)
    /// A JSON object with `channels`, `data_types`, `symbols`.
    case body
  }

  /// How an event becomes a frame.
  enum Framing: String, CaseIterable {
    /// `event:` is its type: `addEventListener(type, …)`.
    case named
    /// No `event:`, so that `onmessage` gets it.
    case unnamed
    /// Once each way. The named one goes first and has no id: who is cut between them gets both again.
    case both
  }

  /// What stands in `data`.
  enum Form: String, CaseIterable {
    /// The event's own data.
    case own = "data"
    case typed, flat, message

    var dialect: Dialect? {
      switch self {
      case .own: nil
      case .typed: .typed
      case .flat: .flat
      case .message: .message
      }
    }
  }

  struct Snapshot: Equatable {
    let type: String
    /// One frame with all last values in a member of that name; nil: a frame for each.
    var list: String?
    /// A member that is `true` in a frame of the state.
    var flag: String?
    /// A member with the sum of the values of all of them.
    var total: String?
  }

  struct Repeated: Equatable {
    let types: [String]
    let seconds: Int64
  }

  struct Heartbeat: Equatable {
    let event: String
    let seconds: Int64
  }

  enum ErrorForm: String, CaseIterable {
    /// `{"error","message","statusCode"}`
    case full
    /// `{"error"}`
    case short
  }

  struct Existence: Equatable {
    let type: String
    let message: String
  }
}

/// A path with named segments: `/api/stream/strategies/:strategyId`.
struct RoutePath: Equatable, Sendable {
  let text: String
  private let segments: [String]

  init(_ text: String) {
    self.text = text
    segments = Self.split(text)
  }

  var parameters: [String] { segments.filter { $0.utf8.first == UInt8(ascii: ":") } }

  /// The values of its named segments; nil: it is another path.
  func match(_ path: [String]) -> [String: String]? {
    guard path.count == segments.count else { return nil }
    var values: [String: String] = [:]
    for (segment, found) in zip(segments, path) {
      if segment.utf8.first == UInt8(ascii: ":") {
        guard Name.isKey(found) else { return nil }
        values[segment] = found
      } else if !segment.hasSameBytes(as: found) {
        return nil
      }
    }
    return values
  }

  static func split(_ path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
  }
}
