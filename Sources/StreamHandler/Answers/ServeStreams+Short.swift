import AWS
import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import LambdaRuntime
import Messaging
import Telemetry

// What is answered whole, beside the streams.
extension ServeStreams {
  mutating func answer(_ short: ShortRoute, _ asked: AskedStream, log: Log) throws -> WholeAnswer {
    switch short {
    case .metrics: try metrics(asked)
    case .ticket: try ticket(asked)
    case .test: try test(asked, log: log)
    case .analyzeCredit: try analyzeCredit(asked, log: log)
    case .channels: try channels(asked)
    case .latest: try latest(asked)
    case .history: try history(asked)
    }
  }

  // MARK: Metrics

  /// Of users the streams in the table, of whichever environment; of others those that this one holds.
  private mutating func metrics(_ asked: AskedStream) throws -> WholeAnswer {
    let totals = try held.streams.totals()
    let users = totals.byUser
    let mayName = try access.control.isOpen || mayAdminister(asked)
    let usage = ProcessUsage.read()
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: clock.milliseconds()))
      writer.member("totalClients", totals.total + held.anonymous)
      writer.member("totalUsers", users.count)
      if mayName {
        writer.key("clientsPerUser")
        writer.array { writer in
          for (user, count) in users.prefix(Self.mostUsers) {
            writer.object { writer in
              writer.member("userId", user)
              writer.member("clientCount", count)
            }
          }
        }
      }
      if let usage { writer.member("peakMemoryBytes", usage.peakKilobytes * 1_024) }
    }
    return WholeAnswer(200, json: writer.bytes)
  }

  private static var mostUsers: Int { 1_000 }

  private mutating func mayAdminister(_ asked: AskedStream) throws(TableError) -> Bool {
    guard
      case .admitted(let identity) = try access.control.decide(
        asked.request.credentials, requested: RequestedIdentity())
    else { return false }
    return identity.principal.role == .admin
  }

  /// What a page gets for its credential, to put into the URL of an EventSource.
  private mutating func ticket(_ asked: AskedStream) throws -> WholeAnswer {
    WholeAnswer(200, json: try access.tickets.issue(try identity(of: asked)).encoded())
  }

  // MARK: Publishing

  private static var mostBodyBytes: Int { Limit.eventBytes }

  private mutating func test(_ asked: AskedStream, log: Log) throws -> WholeAnswer {
    let identity = try identity(of: asked)
    guard identity.principal.role == .admin else { throw StreamRefusal(403, "only an admin sends test events") }
    var data = try body(of: asked)
    if data.isEmpty {
      data = JSONWriter.frame("test") { $0.member("timestamp", Timestamp.rfc3339(milliseconds: clock.milliseconds())) }
    }
    try publish(type: Event.announcement, user: nil, data: data, asked: asked, log: log)
    return WholeAnswer(200, json: Array(#"{"status":"published"}"#.utf8))
  }

  private mutating func analyzeCredit(_ asked: AskedStream, log: Log) throws -> WholeAnswer {
    let identity = try identity(of: asked)
    guard let user = identity.principal.user else { throw StreamRefusal(400, "the path names no user") }
    let data = try body(of: asked)
    guard !data.isEmpty else { throw StreamRefusal(400, "the body is the analysis, a JSON value") }
    try publish(type: "credit_analysis", user: user, data: data, asked: asked, log: log)
    return WholeAnswer(200, json: Array(#"{"status":"analysis_complete"}"#.utf8))
  }

  private func body(of asked: AskedStream) throws(StreamRefusal) -> [UInt8] {
    let body = asked.request.body
    guard body.count <= Self.mostBodyBytes else {
      throw StreamRefusal(413, "a body of \(body.count) bytes is too large; at most \(Self.mostBodyBytes) are read")
    }
    guard !body.isEmpty else { return [] }
    do throws(JSONError) {
      try JSONReader.validate(body, maximumDepth: Limit.eventDepth)
      return body
    } catch {
      throw StreamRefusal(400, "the body is not JSON: \(error)")
    }
  }

  /// By the Publisher function, which queues it: no stream of this environment waits for that. What is published bears the
  /// request's correlation id to its delivery.
  private func publish(type: String, user: String?, data: [UInt8], asked: AskedStream, log: Log) throws {
    guard let function = publisher.name else { throw StreamRefusal(503, "PUBLISHER_FUNCTION is not set") }
    var writer = JSONWriter(reservingBytes: data.count + 256)
    writer.object { writer in
      writer.member("type", type)
      writer.member("user", ifPresent: user)
      writer.member("correlationId", asked.correlationID.text)
      writer.member("idempotencyKey", sources.randomness.hexadecimal())
      writer.member("data", raw: data)
    }
    do {
      try publisher.invocation.invokeLater(function, payload: writer.bytes)
    } catch {
      log.error("not published", ["reason": .own(LogText(error))])
      throw StreamRefusal(503, "the event could not be published; try again")
    }
  }
}

/// The Publisher function, asked to publish without anyone waiting for its answer.
struct QueuedPublisher {
  /// Nil: there is none.
  let name: String?
  let invocation: any AsynchronousInvocation
}
