import ConnectionStore
import Frames
import Messaging
import Telemetry

// How those that have to go are closed. A WebSocket is told by whoever closes it; the function of an event stream reads its row.
extension UserLimit {
  /// API Gateway says 410 of a connection whose `$connect` is still running, and it waits 29 seconds for that.
  package static var youngMilliseconds: Int64 { 30_000 }

  /// How long one that may be about to come in is waited for: its handshake ends some milliseconds after its
  /// `$connect`.
  package static var closingPauses: [Int64] { [50, 100, 200] }

  mutating func remove(
    _ connection: OpenConnection, of user: String, reason: DisconnectReason, caller: Caller
  ) throws(TableError) {
    switch connection.name {
    case .connection(let id):
      guard let departed = try connections.disconnect(id: id, found: [.user(user)]) else { return }
      if departed.isFirst { disconnects.append(reason) }
      caller.log.disconnected(departed, reason: reason, atMilliseconds: clock.milliseconds())
    case .stream:
      // Its function says that it has ended, in the log too.
      if let stream = connection.stream { _ = try streams.end(stream, reason: reason) }
    }
  }

  mutating func close(_ leaving: [Leaving], of user: String, caller: Caller) throws(TableError) {
    var rest = try closeNow(leaving, of: user, caller: caller)
    for pause in Self.closingPauses where !rest.isEmpty {
      clock.pause(pause)
      var current: [Leaving] = []
      // Others close the same ones.
      for one in rest {
        guard case .connection(let id) = one.connection.name, try connections.connection(id: id) != nil else {
          continue
        }
        current.append(one)
      }
      rest = try closeNow(current, of: user, caller: caller)
    }
    // Without its row it would come in and hear nothing. With it the next connect finds it.
    for one in rest {
      caller.audit.notClosed(one.connection.name, reason: "its handshake has not ended, or it left a moment ago")
    }
  }

  /// Those that may not have come in yet.
  private mutating func closeNow(
    _ leaving: [Leaving], of user: String, caller: Caller
  ) throws(TableError) -> [Leaving] {
    let young = clock.milliseconds() - Self.youngMilliseconds
    var rest: [Leaving] = []
    for one in leaving {
      switch closing(one, caller: caller) {
      case .success(.gone) where one.connection.openedAtMilliseconds >= young: rest.append(one)
      case .success(.gone): try remove(one.connection, of: user, reason: .gone, caller: caller)
      case .failure(let error): caller.audit.notClosed(one.connection.name, reason: "\(error)")
      case .success(.accepted):
        // Whatever of it is still on its way finds no row, and is told to connect again.
        try remove(one.connection, of: user, reason: .limit, caller: caller)
        caller.audit.closedForLimit(one.connection.name, user: user, maximum: one.limit.maximum, owner: one.limit.owner)
      }
    }
    return rest
  }

  /// Whether it was told, or will be.
  private mutating func closing(_ one: Leaving, caller: Caller) -> Result<PostOutcome, any Error> {
    guard case .connection(let id) = one.connection.name else { return .success(.accepted) }
    let frame = ServerFrame.error(
      code: "limit", message: "\(one.limit.rule); this one, the oldest, is closed for a new one",
      requestID: caller.requestID)
    return Result { try calls.close(caller.destination.with(id), telling: frame) }
  }

  /// Those that are there, as far as can be told; what is gone leaves the table too. What an event stream's row says of it is all
  /// that is known.
  mutating func dropGone(
    _ open: [OpenConnection], besides own: OpenConnection.Name, of user: String, caller: Caller
  ) throws(TableError) -> [OpenConnection] {
    let young = clock.milliseconds() - Self.youngMilliseconds
    let asked = OpenConnection.byAge(open).filter { $0.name != own && $0.openedAtMilliseconds < young }
    let ids = asked.compactMap { one -> ConnectionID? in
      if case .connection(let id) = one.name { id } else { nil }
    }
    let gone = calls.probe(Array(ids.prefix(Self.atOnce)), besides: caller.destination)
    let isGone = { (one: OpenConnection) in
      if case .connection(let id) = one.name { gone.contains(id) } else { false }
    }
    for one in open where isGone(one) { try remove(one, of: user, reason: .gone, caller: caller) }
    return open.filter { !isGone($0) }
  }
}

extension Log {
  /// Another connection had to go for a new one.
  fileprivate func closedForLimit(_ name: OpenConnection.Name, user: String?, maximum: Int, owner: LogText) {
    self.warn(
      "connection closed: too many of one user",
      [
        "user": .personal(user), "closed": name.logged, "limit": .number(Int64(maximum)),
        "of": .own(owner),
      ])
  }

  fileprivate func notClosed(_ name: OpenConnection.Name, reason: String) {
    self.error("connection over the limit not closed", ["closed": name.logged, "reason": .text(reason)])
  }
}

extension OpenConnection.Name {
  /// The name of an event stream has its user in it.
  fileprivate var logged: Log.Value {
    switch self {
    case .connection(let id): .identifier(id.text)
    case .stream(let clientID): .personal(clientID)
    }
  }
}
