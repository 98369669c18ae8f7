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
    let rows = try users.sweep()
    var counts: [(user: String, count: Int)] = []
    for row in rows.sorted(by: { $0.user < $1.user }) {
      if counts.last?.user.hasSameBytes(as: row.user) ?? false {
        counts[counts.count - 1].count += 1
      } else {
        counts.append((row.user, 1))
      }
    }
    let mayName = try access.isOpen || mayAdminister(asked)
    let usage = ProcessUsage.read()
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: clock.milliseconds()))
      writer.member("totalClients", rows.count + anonymousStreams)
      writer.member("totalUsers", counts.count)
      if mayName {
        writer.key("clientsPerUser")
        writer.array { writer in
          for one in counts.prefix(1_000) {
            writer.object { writer in
              writer.member("userId", one.user)
              writer.member("clientCount", one.count)
            }
          }
        }
      }
      if let usage { writer.member("peakMemoryBytes", usage.peakKilobytes * 1_024) }
    }
    return WholeAnswer(200, json: writer.bytes)
  }

  private mutating func mayAdminister(_ asked: AskedStream) throws(TableError) -> Bool {
    guard case .admitted(let identity) = try access.decide(asked.request.credentials, requested: RequestedIdentity(groups: []))
    else { return false }
    return identity.principal.role == .admin
  }

  // MARK: Publishing

  private static var mostBodyBytes: Int { Limit.eventBytes }

  private mutating func test(_ asked: AskedStream, log: Log) throws -> WholeAnswer {
    let identity = try identity(of: asked)
    guard identity.principal.role == .admin else { throw StreamRefusal(403, "only an admin sends test events") }
    var data = try body(of: asked)
    if data.isEmpty {
      data = Frame.object("test") { $0.member("timestamp", Timestamp.rfc3339(milliseconds: clock.milliseconds())) }
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
