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
  /// Every channel that has a message now and that the caller may see.
  mutating func channels(_ asked: AskedStream) throws -> WholeAnswer {
    let role = try identity(of: asked).principal.role
    let names = try recovery.channels(of: types.names(beginning: "stream:"), role: role)
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("channels")
      writer.array { writer in for name in names { writer.string(name) } }
    }
    return WholeAnswer(200, json: writer.bytes)
  }

  /// The StreamMessage of a channel, as long as it is not too old.
  mutating func latest(_ asked: AskedStream) throws -> WholeAnswer {
    let role = try identity(of: asked).principal.role
    guard let channel = asked.values[":channel"], let logged = try recovery.latest(channel, role: role) else {
      throw StreamRefusal(404, "the channel has no message, or none that is current")
    }
    let frame = ServerFrame.event(
      logged.event, shownAs: logged.event.type, dialect: .message, placement: Placement(sequence: logged.sequence))
    return WholeAnswer(200, json: try Self.message(in: frame))
  }

  /// The same as on a stream, without what says that it is one.
  private static func message(in frame: [UInt8]) throws(JSONError) -> [UInt8] {
    var reader = JSONReader(frame)
    var message: [UInt8] = []
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if name == Member.message { message = Array(try reader.rawValue()) } else { try reader.skip() }
    }
    return message
  }

  // MARK: History

  /// What the logs hold after a cursor, the oldest first, of the types that the client names and may see, and the cursor that
  /// goes on from there.
  mutating func history(_ asked: AskedStream) throws -> WholeAnswer {
    let identity = try identity(of: asked)
    var route = asked.route
    route.typesFrom = .query("eventTypes")
    let wanted = AskedStream(
      request: asked.request, route: route, values: asked.values, correlationID: asked.correlationID)
    let record = try record(of: wanted, identity: identity)
    let page = try recovery.history(
      record: record, since: asked.request.parameter("since"), limit: try limit(of: asked.request))
    let form = FrameForm(framing: .unnamed, form: .typed)
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("events")
      writer.array { writer in
        for logged in page.events {
          let shownAs = record.shownName(of: logged.event, types: types) ?? logged.event.type
          writer.raw(form.data(of: logged, shownAs: shownAs, folded: 0, types: types))
        }
      }
      writer.member("cursor", page.cursor.text)
      writer.member("more", page.hasMore)
      if !page.missed.isEmpty {
        writer.key("missed")
        writer.array { writer in
          for lost in page.missed {
            writer.object { writer in
              writer.member("stream", lost.stream)
              writer.member("reason", lost.reason.rawValue)
              if let events = lost.events { writer.member("events", events) }
            }
          }
        }
      }
    }
    return WholeAnswer(200, json: writer.bytes)
  }

  private func limit(of request: StreamRequest) throws(StreamRefusal) -> Int {
    guard let text = request.parameter("limit") else { return 100 }
    guard let count = Int(text), RecoveryReader.historyEvents.contains(count) else {
      throw StreamRefusal(400, "limit must be a number from 1 to \(RecoveryReader.historyEvents.upperBound)")
    }
    return count
  }
}
