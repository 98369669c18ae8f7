import Access
import ConnectionStore
import Connections
import Frames
import LambdaEvents
import ManagementAPI
import Messaging
import Telemetry

/// How many connections one user may have, and one `client_id` among them. Over it the oldest go.
///
/// The own row is written before the rows are counted, consistently, so of two that come at once at least one sees
/// both; and all who see too many choose the same ones.
struct UserLimit<Calls: ConnectionCalls> {
  private let connections: Connections
  private var calls: Calls
  private let maximum: Int
  /// Of one `client_id` of a user; 0: as many as the user.
  private let clientMaximum: Int
  private let clock: Clock
  /// Why connections ended here, since that was asked last.
  private var disconnects: [DisconnectReason] = []

  /// So many are asked, and so many closed, at one connect: its client waits. The next connect goes on.
  static var atOnce: Int { 50 }

  /// API Gateway says 410 of a connection whose `$connect` is still running, and it waits 29 seconds for that.
  static var youngMilliseconds: Int64 { 30_000 }

  /// How long one that may be about to come in is waited for: its handshake ends some milliseconds after its
  /// `$connect`.
  static var closingPauses: [Int64] { [50, 100, 200] }

  init(
    maximum: Int, clientMaximum: Int = 0, connections: Connections, calls: Calls, clock: Clock = .system
  ) {
    self.maximum = maximum
    self.clientMaximum = clientMaximum
    self.connections = connections
    self.calls = calls
    self.clock = clock
  }

  /// Why the connection cannot stay: newer ones have come meanwhile, and it was itself one of those that had to go; its rows
  /// are gone. Nil: it stays.
  mutating func refusal(
    of record: ConnectionRecord, context: RequestContext, audit: Audit
  ) throws(TableError) -> String? {
    guard let user = record.principal.user else { return nil }
    let rows = try connections.connections(of: user)
    guard !leaving(rows, besides: record).isEmpty else { return nil }
    let present = try dropGone(rows, besides: record, of: user, context: context, audit: audit)
    let leaving = leaving(present, besides: record)
    try close(leaving.filter { $0.row.id != record.id }, of: user, context: context, audit: audit)
    guard let own = leaving.first(where: { $0.row.id == record.id }) else { return nil }
    try remove(record.id, of: user, reason: .limit, audit: audit)
    return "\(own.limit.rule), and newer ones have come"
  }

  /// A limit, and its words.
  struct Limit {
    let maximum: Int
    let owner: LogText

    var rule: String { "\(owner) may have \(maximum) connections" }
  }

  /// A connection that has to go, by which limit.
  private struct Leaving {
    let row: ListenerRow
    let limit: Limit
  }

  /// Those that have to go, by age, fifty at most: first those of the client that connects, then of all that are left.
  private func leaving(_ rows: [ListenerRow], besides record: ConnectionRecord) -> [Leaving] {
    let byAge = Self.byAge(rows)
    var ofClient: ArraySlice<ListenerRow> = []
    if clientMaximum > 0, let name = record.clientName {
      let all = byAge.filter { $0.clientName?.hasSameBytes(as: name) ?? false }
      ofClient = all.prefix(max(0, all.count - clientMaximum))
    }
    let ids = Set(ofClient.map(\.id))
    let rest = byAge.filter { !ids.contains($0.id) }
    let ofUser = rest.prefix(max(0, rest.count - maximum))
    let leaving =
      ofClient.map { Leaving(row: $0, limit: Limit(maximum: clientMaximum, owner: "a client_id of a user")) }
      + ofUser.map { Leaving(row: $0, limit: Limit(maximum: maximum, owner: "a user")) }
    return Array(leaving.prefix(Self.atOnce))
  }

  mutating func takeDisconnects() -> [DisconnectReason] {
    defer { disconnects = [] }
    return disconnects
  }

  private mutating func remove(
    _ id: ConnectionID, of user: String, reason: DisconnectReason, audit: Audit
  ) throws(TableError) {
    guard let departed = try connections.disconnect(id: id, found: [.user(user)]) else { return }
    if departed.isFirst { disconnects.append(reason) }
    audit.log.disconnected(departed, reason: reason, atMilliseconds: clock.milliseconds())
  }

  private mutating func close(
    _ rows: [Leaving], of user: String, context: RequestContext, audit: Audit
  ) throws(TableError) {
    var rest = try closeNow(rows, of: user, context: context, audit: audit)
    for pause in Self.closingPauses where !rest.isEmpty {
      clock.pause(pause)
      var current: [Leaving] = []
      // Others close the same ones.
      for one in rest where try connections.connection(id: one.row.id) != nil { current.append(one) }
      rest = try closeNow(current, of: user, context: context, audit: audit)
    }
    // Without its row it would come in and hear nothing. With it the next connect finds it.
    for one in rest { audit.notClosed(id: one.row.id, reason: "its handshake has not ended, or it left a moment ago") }
  }

  /// The rows of those that may not have come in yet.
  private mutating func closeNow(
    _ rows: [Leaving], of user: String, context: RequestContext, audit: Audit
  ) throws(TableError) -> [Leaving] {
    let young = clock.milliseconds() - Self.youngMilliseconds
    var rest: [Leaving] = []
    for one in rows {
      let row = one.row
      switch closing(one, context: context) {
      case .success(.gone) where row.connectedAtMilliseconds >= young: rest.append(one)
      case .success(.gone): try remove(row.id, of: user, reason: .gone, audit: audit)
      case .failure(let error): audit.notClosed(id: row.id, reason: "\(error)")
      case .success(.accepted):
        // Whatever of it is still on its way finds no row, and is told to connect again.
        try remove(row.id, of: user, reason: .limit, audit: audit)
        audit.closedForLimit(id: row.id, user: user, limit: one.limit)
      }
    }
    return rest
  }

  private mutating func closing(_ one: Leaving, context: RequestContext) -> Result<PostOutcome, any Error> {
    let destination = Destination(context: context).with(one.row.id)
    return Result { try calls.close(destination, telling: Self.frame(one.limit, context: context)) }
  }

  /// The rows of connections that are there, as far as can be told; what is gone leaves the table too.
  private mutating func dropGone(
    _ rows: [ListenerRow], besides record: ConnectionRecord, of user: String, context: RequestContext, audit: Audit
  ) throws(TableError) -> [ListenerRow] {
    let young = clock.milliseconds() - Self.youngMilliseconds
    let asked = Self.byAge(rows.filter { $0.id != record.id && $0.connectedAtMilliseconds < young })
    let gone = calls.probe(asked.prefix(Self.atOnce).map(\.id), besides: Destination(context: context))
    for id in gone { try remove(id, of: user, reason: .gone, audit: audit) }
    return rows.filter { !gone.contains($0.id) }
  }

  /// The oldest first; of the same age in an order that everybody agrees on.
  private static func byAge(_ rows: [ListenerRow]) -> [ListenerRow] {
    rows.sorted { ($0.connectedAtMilliseconds, $0.id.text) < ($1.connectedAtMilliseconds, $1.id.text) }
  }

  private static func frame(_ limit: Limit, context: RequestContext) -> [UInt8] {
    ServerFrame.error(
      code: "limit", message: "\(limit.rule); this one, the oldest, is closed for a new one",
      requestID: context.requestID)
  }
}

/// What `$connect` asks of other connections.
protocol ConnectionCalls {
  /// Those that are known to have left; what cannot be asked is not among them.
  mutating func probe(_ ids: [ConnectionID], besides destination: Destination) -> Set<ConnectionID>

  /// Sends a last frame and closes. `gone`: it has left, or has not come in yet: API Gateway tells no caller which.
  mutating func close(_ destination: Destination, telling frame: [UInt8]) throws -> PostOutcome
}

extension ConnectionsClient: ConnectionCalls {}
