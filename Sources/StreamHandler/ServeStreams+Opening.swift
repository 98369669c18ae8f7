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
    let record = try record(of: asked, identity: try identity(of: asked))
    let row = try row(of: record, stream: route.name)
    let clientID = row?.clientID ?? sources.clientID(user: nil, stream: route.name)
    let log = log.with(["clientId": .text(clientID), "stream": .identifier(route.name)])
    let state: Recovery
    do {
      guard let found = try openingState(of: asked, record: record, log: log) else {
        if let row { try users.close(row) }
        return try send(WholeAnswer(204), headers, writer)
      }
      state = found
    } catch {
      if let row { try? users.close(row) }
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
      route: route, record: record, clientID: clientID, log: log, sources: sources, places: places, gzip: gzip, row: row,
      deadlineMilliseconds: context.deadlineMilliseconds)
    let opening = StreamOpening(
      route: route, record: record, clientID: clientID, recovery: state, presented: asked.request.lastEventID,
      sources: sources)
    writer.begin(head)
    if row == nil { anonymousStreams += 1 }
    stream.begin(with: opening, to: writer)
    metrics?.count("StreamOpens", by: ("Stream", route.name))
    log.info(
      "stream opened",
      [
        "event": "audit", "user": .personal(record.principal.user),
        "role": .text(record.principal.role?.rawValue ?? "none"), "address": .identifier(asked.request.sourceAddress),
        "resumed": .flag(asked.request.lastEventID != nil), "compressed": .flag(gzip != nil),
      ])
    return .stream(stream)
  }

  // MARK: Who

  mutating func identity(of asked: AskedStream) throws -> Identity {
    // Nobody is asked, so nobody is anybody: what is shown depends on no credential.
    if asked.route.access == .open { return Identity(principal: Principal(user: nil, role: .viewer)) }
    let requested = try asked.requested()
    switch try access.decide(asked.request.credentials, requested: requested) {
    case .refused(let refusal): throw try self.refusal(refusal, asked: asked)
    case .admitted(let identity):
      guard asked.route.needsUser, identity.principal.user == nil else { return identity }
      throw access.isOpen
        ? StreamRefusal(400, "userId is missing: this stream is of one user")
        : StreamRefusal(401, "No valid session found")
    }
  }

  private mutating func refusal(_ refusal: AccessRefusal, asked: AskedStream) throws(TableError) -> StreamRefusal {
    if refusal.status < 500, try attempts.acquire(asked.request.sourceAddress) != .within {
      return StreamRefusal(
        429, "too many attempts to connect; try again in a minute",
        headers: [("Retry-After", "\(attempts.secondsToWait + Int64(sources.randomness.integer(in: 0...15)))")])
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
  private mutating func row(of record: ConnectionRecord, stream: String) throws(TableError) -> EventStreamRow? {
    guard let user = record.principal.user else { return nil }
    let now = clock.milliseconds()
    return try users.open(
      EventStreamRow(
        clientID: sources.clientID(user: user, stream: stream), user: user, stream: stream, openedMilliseconds: now,
        heardMilliseconds: now))
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
    of asked: AskedStream, record: ConnectionRecord, log: Log
  ) throws(TableError) -> Recovery? {
    guard let said = asked.request.lastEventID else { return try recovery.recover(record: record, limits: recoveryLimits) }
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
