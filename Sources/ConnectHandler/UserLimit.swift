import Access
import ConnectionStore
import Connections
import Frames
import LambdaEvents
import ManagementAPI
import Messaging
import Telemetry

/// How many connections one user may have. Over it the oldest go.
///
/// The own row is written before the rows are counted, consistently, so of two that come at once at least one sees
/// both; and all who see too many choose the same ones.
struct UserLimit<Calls: ConnectionCalls> {
  private let connections: Connections
  private var calls: Calls
  let maximum: Int
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

  init(maximum: Int, connections: Connections, calls: Calls, clock: Clock = .system) {
    self.maximum = maximum
    self.connections = connections
    self.calls = calls
    self.clock = clock
  }

  /// False: newer ones have come meanwhile, and the connection itself was one of those that had to go; its rows are
  /// gone.
  mutating func admits(
    record: ConnectionRecord, context: RequestContext, audit: Audit
  ) throws(TableError) -> Bool {
    guard let user = record.principal.user else { return true }
    let rows = try connections.connections(of: user)
    guard rows.count > maximum else { return true }
    let leaving = oldest(of: try dropGone(rows, besides: record, of: user, context: context, audit: audit))
    try close(leaving.filter { $0.id != record.id }, of: user, context: context, audit: audit)
    guard leaving.contains(where: { $0.id == record.id }) else { return true }
    try remove(record.id, of: user, reason: .limit, audit: audit)
    return false
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
    _ rows: [ListenerRow], of user: String, context: RequestContext, audit: Audit
  ) throws(TableError) {
    var rest = try closeNow(rows, of: user, context: context, audit: audit)
    for pause in Self.closingPauses where !rest.isEmpty {
      clock.pause(pause)
      var current: [ListenerRow] = []
      // Others close the same ones.
      for row in rest where try connections.connection(id: row.id) != nil { current.append(row) }
      rest = try closeNow(current, of: user, context: context, audit: audit)
    }
    // Without its row it would come in and hear nothing. With it the next connect finds it.
    for row in rest { audit.notClosed(id: row.id, reason: "its handshake has not ended, or it left a moment ago") }
  }

  /// The rows of those that may not have come in yet.
  private mutating func closeNow(
    _ rows: [ListenerRow], of user: String, context: RequestContext, audit: Audit
  ) throws(TableError) -> [ListenerRow] {
    let young = clock.milliseconds() - Self.youngMilliseconds
    var rest: [ListenerRow] = []
    for row in rows {
      switch closing(row.id, context: context) {
      case .success(.gone) where row.connectedAtMilliseconds >= young: rest.append(row)
      case .success(.gone): try remove(row.id, of: user, reason: .gone, audit: audit)
      case .failure(let error): audit.notClosed(id: row.id, reason: "\(error)")
      case .success(.accepted):
        // Whatever of it is still on its way finds no row, and is told to connect again.
        try remove(row.id, of: user, reason: .limit, audit: audit)
        audit.closedForLimit(id: row.id, user: user, limit: maximum)
      }
    }
    return rest
  }

  private mutating func closing(_ id: ConnectionID, context: RequestContext) -> Result<PostOutcome, any Error> {
    Result { try calls.close(Destination(context: context).with(id), telling: Self.frame(maximum, context: context)) }
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

  /// Those that have to go. The oldest first; of the same age in an order that everybody agrees on.
  private func oldest(of rows: [ListenerRow]) -> ArraySlice<ListenerRow> {
    Self.byAge(rows).prefix(min(max(0, rows.count - maximum), Self.atOnce))
  }

  private static func byAge(_ rows: [ListenerRow]) -> [ListenerRow] {
    rows.sorted { ($0.connectedAtMilliseconds, $0.id.text) < ($1.connectedAtMilliseconds, $1.id.text) }
  }

  private static func frame(_ maximum: Int, context: RequestContext) -> [UInt8] {
    Frame.error(
      code: "limit", message: "a user may have \(maximum) connections; this one, the oldest, is closed for a new one",
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
