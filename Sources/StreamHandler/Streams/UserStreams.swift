import ConnectionStore
import Connections
import Frames
import ManagementAPI
import Messaging
import Telemetry

/// The streams of users that are open, in the table, and how many one user may have, WebSockets counted with them.
struct UserStreams {
  let connections: Connections
  let maximum: Int
  /// Closes a WebSocket that has to go.
  var closing: any ConnectionClosing
  let log: Log

  private var rows: EventStreams { connections.eventStreams }

  /// Writes the stream's row; whoever is the oldest goes if there are too many. Answers its row.
  mutating func open(_ stream: EventStreamRow) throws(TableError) -> EventStreamRow {
    var row = stream
    while try !rows.open(row) {
      // Another environment gave the same name in the same millisecond.
      row = EventStreamRow(
        clientID: "\(stream.clientID).\(connections.nextSuffix())", user: row.user, stream: row.stream,
        openedMilliseconds: row.openedMilliseconds, heardMilliseconds: row.heardMilliseconds)
    }
    try makeRoom(for: row)
    return row
  }

  private enum Open {
    case stream(EventStreamRow)
    case connection(ConnectionID)
  }

  private mutating func makeRoom(for row: EventStreamRow) throws(TableError) {
    let streams = try rows.streams(of: row.user)
    let sockets = try connections.connections(of: row.user)
    let excess = streams.count + sockets.count - maximum
    guard excess > 0 else { return }
    let all =
      streams.map { (at: $0.openedMilliseconds, name: $0.clientID, open: Open.stream($0)) }
      + sockets.map { (at: $0.connectedAtMilliseconds, name: $0.id.text, open: Open.connection($0.id)) }
    for one in all.sorted(by: { ($0.at, $0.name) < ($1.at, $1.name) }).prefix(excess) {
      switch one.open {
      case .stream(let stream): try rows.close(user: stream.user, clientID: stream.clientID)
      case .connection(let id): try close(id, of: row.user)
      }
      log.warn(
        "stream or connection closed: too many of one user",
        [
          "event": "audit", "user": .personal(row.user), "closed": .text(one.name), "limit": .number(Int64(maximum)),
        ])
    }
  }

  private mutating func close(_ id: ConnectionID, of user: String) throws(TableError) {
    let frame = Frame.error(
      code: "limit", message: "a user may have \(maximum) connections; this one, the oldest, is closed for a new one",
      requestID: "")
    do {
      _ = try closing.close(Destination(connectionID: id, domainName: "", stage: ""), telling: frame)
    } catch {
      return log.error(
        "connection over the limit not closed", ["closed": .identifier(id.text), "reason": .own(LogText(error))])
    }
    try connections.disconnect(id: id, found: [.user(user)])
  }

  /// False: it had to go for another one. A look costs a tenth of a write, so only each third one is.
  func isOpen(_ row: EventStreamRow, check: Int) throws(TableError) -> Bool {
    check % 3 == 0
      ? try rows.renew(user: row.user, clientID: row.clientID) : try rows.isOpen(user: row.user, clientID: row.clientID)
  }

  /// Those of all users; the rows of those that died are deleted.
  func sweep() throws(TableError) -> [EventStreamRow] { try rows.sweep() }

  /// It is over, and if its user has no other stream and no connection, that is recorded.
  func close(_ row: EventStreamRow) throws(TableError) {
    try rows.close(user: row.user, clientID: row.clientID)
    try connections.recordLeft(row.user)
  }
}

/// What closes a WebSocket.
protocol ConnectionClosing {
  mutating func close(_ destination: Destination, telling frame: [UInt8]) throws -> PostOutcome
}

extension ConnectionsClient: ConnectionClosing {}
