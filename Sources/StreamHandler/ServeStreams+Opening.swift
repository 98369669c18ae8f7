import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import LambdaRuntime
import Messaging
import Telemetry

// How a stream is opened.
extension ServeStreams {
  mutating func open(
    _ asked: AskedStream, context: InvocationContext, headers: [(name: String, value: String)], log: Log,
    writer: ResponseWriter
  ) throws -> Answer {
    let route = asked.route
    let (identity, grant) = try admitted(asked)
    try limitOpenings(of: identity, asked: asked)
    let record = try record(of: asked, identity: identity)
    try requireExistence(asked, user: record.principal.user)
    let row = try row(of: record, asked: asked, requestID: context.requestID, log: log)
    let clientID = row?.clientID ?? sources.clientID(user: nil, stream: route.name)
    let log = log.with(["clientId": .personal(clientID), "stream": .identifier(route.name)])
    let state: Recovery
    let lists: [String: StateList]
    do {
      guard let found = try openingState(of: asked, record: record, isStamped: grant != nil, log: log) else {
        if let row { held.release(row, log: log) }
        return try send(WholeAnswer(204), headers, writer)
      }
      state = found
      lists = try keptLists(of: route, user: record.principal.user)
    } catch {
      if let row { held.release(row, log: log) }
      throw error
    }
    let gzip = asked.request.acceptsGzip ? GzipStream() : nil
    let head = try ResponseHead(
      200, headers: headers + EventStream.headers(isCompressed: gzip != nil, isPublic: route.access == .open))
    let places = state.parts.map { part in
      FollowedPlace(
        stream: part.stream, followed: sources.follower.follow(part.stream, head: part.head),
        position: FollowedPosition(epoch: part.head?.epoch ?? "", sequence: part.head?.last ?? 0))
    }
    var stream = EventStream(
      route: route, record: record, clientID: clientID, log: log, sources: sources, places: places, gzip: gzip,
      row: row, stamp: grant?.stamp,
      deadlineMilliseconds: context.deadlineMilliseconds)
    let opening = StreamOpening(
      route: route, record: record, clientID: clientID, recovery: state, presented: asked.request.lastEventID,
      lists: lists, stamp: grant?.stamp, sources: sources)
    writer.begin(head)
    held.hold(row, clientID: clientID, grant: grant)
    stream.begin(with: opening, to: writer)
    metrics?.count("StreamOpens", by: ("Stream", route.name))
    log.info(
      "stream opened",
      [
        "event": "audit", "user": .personal(record.principal.user),
        "role": .text(record.principal.role?.rawValue ?? "none"), "address": .identifier(asked.request.sourceAddress),
        "resumed": .flag(asked.request.lastEventID != nil), "compressed": .flag(gzip != nil),
      ])
    return .stream(OpenStream(stream))
  }

  // MARK: Who

  private mutating func admitted(_ asked: AskedStream) throws -> (Identity, TicketGrant?) {
    // Nobody is asked, so nobody is anybody: what is shown depends on no credential.
    if asked.route.access == .open { return (Identity(principal: Principal(user: nil, role: .viewer)), nil) }
    let decision = try access.decide(
      asked.request.credentials, requested: asked.requested(), lastEventID: asked.request.lastEventID)
    switch decision {
    case .refused(let refusal, let isFinal):
      var refused = try self.refusal(refusal, asked: asked)
      refused.isFinal = isFinal
      throw refused
    case .admitted(let identity, let grant):
      guard asked.route.needsUser, identity.principal.user == nil else { return (identity, grant) }
      throw access.control.isOpen
        ? StreamRefusal(400, "userId is missing: this stream is of one user")
        : StreamRefusal(401, "No valid session found")
    }
  }

  /// Who asks for an answer that is no stream. A ticket is for streams alone.
  mutating func identity(of asked: AskedStream) throws -> Identity {
    switch try access.control.decide(asked.request.credentials, requested: asked.requested()) {
    case .refused(let refusal): throw try self.refusal(refusal, asked: asked)
    case .admitted(let identity): return identity
    }
  }

  /// Who opens streams as fast as it can is kept out before the table is asked for more.
  private mutating func limitOpenings(of identity: Identity, asked: AskedStream) throws(StreamRefusal) {
    let opener = identity.principal.user.map(OpeningLimit.Opener.user) ?? .address(asked.request.sourceAddress)
    guard case .beyond(let seconds) = openings.acquire(opener, isReconnect: asked.request.lastEventID != nil) else {
      return
    }
    throw StreamRefusal(
      429, "streams are opened too often; try again in \(seconds) s", headers: [("Retry-After", "\(seconds)")])
  }

  private func requireExistence(_ asked: AskedStream, user: String?) throws {
    guard let existence = asked.route.existence, let user,
      let key = asked.route.keyParameter.flatMap({ asked.values[$0] }),
      let list = types.stateRule(of: existence.type)?.list
    else { return }
    let values = try recovery.states(list, of: StreamName.user(user))?.values ?? []
    guard values.contains(where: { $0.event.key?.hasSameBytes(as: key) ?? false }) else {
      throw StreamRefusal(404, existence.message)
    }
  }

  /// What is kept of the user, for the snapshots that are lists.
  private func keptLists(of route: Route, user: String?) throws(TableError) -> [String: StateList] {
    var lists: [String: StateList] = [:]
    guard let user else { return lists }
    for name in route.snapshots.compactMap(\.list) {
      lists[name] = try recovery.states(name, of: StreamName.user(user))
    }
    return lists
  }

  private mutating func refusal(_ refusal: AccessRefusal, asked: AskedStream) throws(TableError) -> StreamRefusal {
    if refusal.status < 500, try attempts.acquire(asked.request.sourceAddress) != .within {
      return StreamRefusal(
        429, "too many attempts to connect; try again in a minute",
        headers: [("Retry-After", "\(attempts.retryAfterSeconds(randomness: sources.randomness))")])
    }
    return StreamRefusal(refusal.status, refusal.status == 401 ? "No valid session found" : refusal.message)
  }

  func record(of asked: AskedStream, identity: Identity) throws -> ConnectionRecord {
    let accepted = try asked.subscriptions(of: identity.principal, types: types)
    guard accepted.count <= sources.limits.subscriptions else {
      throw AskedStream.tooMany(accepted.count, limit: sources.limits.subscriptions)
    }
    var subscriptions = Subscriptions()
    let now = clock.milliseconds()
    _ = subscriptions.apply(
      SubscriptionChange(
        add: accepted, order: Order(count: 0, milliseconds: now, messageID: ""), asks: true))
    guard let id = ConnectionID(sources.randomness.hexadecimal()) else { throw StreamRefusal(500, "no id") }
    return ConnectionRecord(
      id: id, principal: identity.principal, sourceAddress: asked.request.sourceAddress,
      connectedAtMilliseconds: now, untilMilliseconds: identity.untilMilliseconds, keyHashes: identity.keyHashes,
      correlationID: asked.correlationID, subscriptions: subscriptions)
  }

  /// Counted with the user's other streams and connections. It is written before the log is read, so that what came before has
  /// not lapsed for this one.
  private mutating func row(
    of record: ConnectionRecord, asked: AskedStream, requestID: String, log: Log
  ) throws -> EventStreamRecord? {
    guard let user = record.principal.user else { return nil }
    return try held.register(
      EventStreamRecord(
        route: asked.route.name, user: user, role: record.principal.role,
        clientName: asked.request.parameter("client_id"),
        keyHashes: record.keyHashes, correlationID: asked.correlationID, openedAtMilliseconds: clock.milliseconds()),
      requestID: requestID, log: log)
  }

  // MARK: Where it goes on

  /// One answer's worth is less than a WebSocket's: a thousand may come at once.
  private var recoveryLimits: RecoveryLimits {
    var limits = RecoveryLimits()
    limits.events = sources.limits.replayEvents
    limits.bytes = 1 << 20
    return limits
  }

  /// What the client gets first; nil: the stream is over, and its client has had its end.
  private func openingState(
    of asked: AskedStream, record: ConnectionRecord, isStamped: Bool, log: Log
  ) throws(TableError) -> Recovery? {
    let presented = asked.request.lastEventID.map { isStamped ? TicketStamp.unstamped($0) : $0 }
    guard let said = presented else { return try recovery.recover(record: record, limits: recoveryLimits) }
    let found: Recovery
    switch EventStreamID(said) {
    case .cursor(let cursor): found = try recovery.recover(record: record, cursor: cursor, limits: recoveryLimits)
    case .event(let id): found = try recovered(after: id, record: record)
    }
    if let missed = found.missed, missed > 0 {
      log.warn(
        "events missed", ["missed": .number(missed), "reason": .identifier(found.reason?.rawValue ?? "")])
    }
    return try isOver(asked.route, found: found, record: record) ? nil : found
  }

  /// The name of an event says nothing of its place: it is looked for among what was kept for the user.
  private func recovered(after id: String, record: ConnectionRecord) throws(TableError) -> Recovery {
    let kept = try recovery.recover(record: record, limits: recoveryLimits)
    let personal = kept.parts.first { StreamName.isPersonal(stream: $0.stream) }
    guard let personal, let event = personal.events.first(where: { $0.event.id.hasSameBytes(as: id) }) else {
      // No cursor: so the client is told that it is not known where it was, and gets the state.
      return try recovery.recover(record: record, cursor: "", limits: recoveryLimits)
    }
    return try recovery.recover(record: record, seen: [personal.stream: event.sequence], limits: recoveryLimits)
  }

  private func isOver(
    _ route: Route, found: Recovery, record: ConnectionRecord
  ) throws(TableError) -> Bool {
    guard !route.endsWith.isEmpty, found.parts.allSatisfy({ $0.events.isEmpty }) else { return false }
    let kept = try recovery.recover(record: record, limits: recoveryLimits)
    return kept.parts.contains { part in
      part.events.contains { logged in route.endsWith.contains { $0.hasSameBytes(as: logged.event.type) } }
    }
  }
}
