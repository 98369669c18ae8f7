import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import Messaging
import Telemetry

// What is read of the log without a stream.
extension ServeStreams {
  /// As many as one answer names.
  private static var mostChannels: Int { 10_000 }

  /// Every channel that has a last value and that the caller may see.
  mutating func channels(_ asked: AskedStream) throws -> WholeAnswer {
    let identity = try identity(of: asked)
    var names: [String] = []
    for type in types.names(beginning: "stream:") where types.mayBeSeen(type, by: identity.principal.role) {
      guard names.count < Self.mostChannels else { break }
      for logged in try lastValues(of: type) { if let key = logged.event.key { names.append("\(type):\(key)") } }
    }
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("channels")
      writer.array { writer in for name in names.sorted().prefix(Self.mostChannels) { writer.string(name) } }
    }
    return WholeAnswer(200, json: writer.bytes)
  }

  /// The StreamMessage of a channel, as long as it is not too old.
  mutating func latest(_ asked: AskedStream) throws -> WholeAnswer {
    let identity = try identity(of: asked)
    let meaning = types.meaning(of: asked.values[":channel"] ?? "")
    guard let key = meaning.key, types.mayBeSeen(meaning.type, by: identity.principal.role),
      let logged = try lastValues(of: meaning.type, key: key).last, isCurrent(logged.event)
    else { throw StreamRefusal(404, "the channel has no value, or none that is current") }
    let message = Frame.event(
      logged.event, shownAs: meaning.type, dialect: .message, placement: Placement(sequence: logged.sequence))
    // The same as on a stream, without what says that it is one.
    var reader = JSONReader(message)
    var found: [UInt8] = []
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if name == Member.message { found = Array(try reader.rawValue()) } else { try reader.skip() }
    }
    return WholeAnswer(200, json: found)
  }

  private func isCurrent(_ event: Event) -> Bool {
    let age = clock.milliseconds() - (EventTime.milliseconds(ofID: event.id) ?? 0)
    return age <= sources.settings.latestSeconds * 1_000
  }

  private func lastValues(of type: String, key: String? = nil) throws(TableError) -> [LoggedEvent] {
    guard let head = try streamLog.head(stream: StreamName.type(type)) else { return [] }
    return try lastValues.read(type, key: key, epoch: head.epoch)
  }

  // MARK: History

  /// The newest events after a cursor, as the client's types and its role have it, and the cursor that goes on from there.
  mutating func history(_ asked: AskedStream) throws -> WholeAnswer {
    let identity = try identity(of: asked)
    var route = asked.route
    route.types = []
    route.typesFrom = .query("eventTypes")
    route.keysParameter = "keys"
    let wanted = AskedStream(
      request: asked.request, route: route, values: asked.values, correlationID: asked.correlationID)
    let record = try record(of: wanted, identity: identity)
    let found = try recovery.recover(
      record: record, cursor: asked.request.parameter("since"), limits: try historyLimits(asked.request))
    let form = FrameForm(framing: .unnamed, form: .typed)
    let events = EventStream.merged(found, for: record, types: types)
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("events")
      writer.array { writer in
        for event in events {
          writer.raw(form.data(of: event.logged, shownAs: event.shownAs, folded: event.folded, types: types))
        }
      }
      writer.member("cursor", found.cursor.text)
      if found.extent != .all { writer.member("resume", raw: Frame.resume(found.outcome)) }
    }
    return WholeAnswer(200, json: writer.bytes)
  }

  private func historyLimits(_ request: StreamRequest) throws(StreamRefusal) -> RecoveryLimits {
    var limits = RecoveryLimits()
    limits.bytes = 1 << 20
    limits.events = 100
    guard let text = request.parameter("limit") else { return limits }
    guard let count = Int(text), (1...1_000).contains(count) else {
      throw StreamRefusal(400, "limit must be a number from 1 to 1000")
    }
    limits.events = count
    return limits
  }
}
