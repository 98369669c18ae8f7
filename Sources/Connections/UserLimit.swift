package import ConnectionStore
import Frames
package import Messaging
package import Telemetry

/// How many connections one user may have, WebSockets and event streams together, and one `client_id` among them. Over it the
/// oldest go.
///
/// The own row is written before the rows are counted, consistently, so of two that come at once at least one sees
/// both; and all who see too many choose the same ones.
package struct UserLimit<Calls: ConnectionCalls> {
  let connections: Connections
  let streams: EventStreams
  var calls: Calls
  let clock: Clock
  private let maximum: Int
  private let clientMaximum: Int
  /// Why connections ended here, since that was asked last.
  var disconnects: [DisconnectReason] = []

  /// So many are asked, and so many closed, at one connect: its client waits. The next connect goes on.
  static var atOnce: Int { 50 }

  /// `clientMaximum`: of one `client_id` of a user; 0: as many as the user.
  package init(
    maximum: Int, clientMaximum: Int = 0, connections: Connections, calls: Calls, clock: Clock = .system
  ) {
    self.maximum = maximum
    self.clientMaximum = clientMaximum
    self.connections = connections
    streams = connections.eventStreams()
    self.calls = calls
    self.clock = clock
  }

  /// By whom a user's oldest connections are closed, and on whose behalf.
  package struct Caller {
    /// Any connection of the API that the others came by; of an event stream's function one that is none.
    let destination: Destination
    let requestID: String
    /// Bears the lines of those that ended.
    let log: Log
    /// Bears the lines that say for whom others had to go.
    let audit: Log

    package init(destination: Destination, requestID: String, log: Log, audit: Log) {
      self.destination = destination
      self.requestID = requestID
      self.log = log
      self.audit = audit
    }
  }

  /// Why the connection cannot stay: newer ones have come meanwhile, and it was itself one of those that had to go; its rows
  /// are gone. Nil: it stays.
  package mutating func refusal(of record: ConnectionRecord, caller: Caller) throws(TableError) -> String? {
    guard let user = record.principal.user else { return nil }
    return try refusal(of: .connection(record.id), user: user, clientName: record.clientName, caller: caller)
  }

  /// The same of an event stream that was registered.
  package mutating func refusal(of record: EventStreamRecord, caller: Caller) throws(TableError) -> String? {
    guard let user = record.user else { return nil }
    return try refusal(of: .stream(record.clientID), user: user, clientName: record.clientName, caller: caller)
  }

  private mutating func refusal(
    of own: OpenConnection.Name, user: String, clientName: String?, caller: Caller
  ) throws(TableError) -> String? {
    let open =
      try connections.connections(of: user).map(OpenConnection.webSocket)
      + streams.streams(of: user).map(OpenConnection.eventStream)
    guard !leaving(open, clientName: clientName).isEmpty else { return nil }
    let present = try dropGone(open, besides: own, of: user, caller: caller)
    let leaving = leaving(present, clientName: clientName)
    try close(leaving.filter { $0.connection.name != own }, of: user, caller: caller)
    guard let one = leaving.first(where: { $0.connection.name == own }) else { return nil }
    try remove(one.connection, of: user, reason: .limit, caller: caller)
    return "\(one.limit.rule), and newer ones have come"
  }

  /// A limit, and its words.
  struct Limit {
    let maximum: Int
    let owner: LogText

    var rule: String { "\(owner) may have \(maximum) connections" }
  }

  /// A connection that has to go, by which limit.
  struct Leaving {
    let connection: OpenConnection
    let limit: Limit
  }

  /// Those that have to go, by age, fifty at most: first those of the client that connects, then of all that are left.
  private func leaving(_ open: [OpenConnection], clientName: String?) -> [Leaving] {
    let byAge = OpenConnection.byAge(open)
    var ofClient: ArraySlice<OpenConnection> = []
    if clientMaximum > 0, let clientName {
      let all = byAge.filter { $0.clientName?.hasSameBytes(as: clientName) ?? false }
      ofClient = all.prefix(max(0, all.count - clientMaximum))
    }
    let names = Set(ofClient.map(\.name))
    let rest = byAge.filter { !names.contains($0.name) }
    let ofUser = rest.prefix(max(0, rest.count - maximum))
    let leaving =
      ofClient.map { Leaving(connection: $0, limit: Limit(maximum: clientMaximum, owner: "a client_id of a user")) }
      + ofUser.map { Leaving(connection: $0, limit: Limit(maximum: maximum, owner: "a user")) }
    return Array(leaving.prefix(Self.atOnce))
  }

  package mutating func takeDisconnects() -> [DisconnectReason] {
    defer { disconnects = [] }
    return disconnects
  }
}

/// What is asked of a user's other connections.
package protocol ConnectionCalls {
  /// Those that are known to have left; what cannot be asked is not among them.
  mutating func probe(_ ids: [ConnectionID], besides destination: Destination) -> Set<ConnectionID>

  /// Sends a last frame and closes.
  mutating func close(_ destination: Destination, telling frame: [UInt8]) throws -> PostOutcome
}

/// A connection of a user, of either kind.
struct OpenConnection {
  enum Name: Hashable {
    case connection(ConnectionID)
    case stream(String)

    var text: String {
      switch self {
      case .connection(let id): id.text
      case .stream(let clientID): clientID
      }
    }
  }

  let name: Name
  let openedAtMilliseconds: Int64
  let clientName: String?
  /// Nil: a WebSocket.
  let stream: EventStreamRecord?

  static func webSocket(_ row: ListenerRow) -> OpenConnection {
    OpenConnection(
      name: .connection(row.id), openedAtMilliseconds: row.connectedAtMilliseconds, clientName: row.clientName,
      stream: nil)
  }

  static func eventStream(_ record: EventStreamRecord) -> OpenConnection {
    OpenConnection(
      name: .stream(record.clientID), openedAtMilliseconds: record.openedAtMilliseconds,
      clientName: record.clientName, stream: record)
  }

  /// The oldest first; of the same age in an order that everybody agrees on.
  static func byAge(_ open: [OpenConnection]) -> [OpenConnection] {
    open.sorted { ($0.openedAtMilliseconds, $0.name.text) < ($1.openedAtMilliseconds, $1.name.text) }
  }
}
