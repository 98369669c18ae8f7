import ConnectionStore
import EventLog
import Messaging
import Telemetry

// The connections that are slow: `Docs/decisions/0008-lagging-clients.md`.
extension StreamSender {
  /// Serves the slow connections of a stream beside its rounds, one attempt each when it is due, until none is due soon.
  ///
  /// The lag sender never ends a lag itself: a connection that has everything up to where the stream was delivered is
  /// *ready*, and a round sends it the rest and deletes its row. For example: rounds have delivered up to 7 and one of 8 and
  /// 9 is on its way when the connection is brought up to 7. Were its row deleted now, that round, which has left it out,
  /// would not send it 8 and 9, nor would any other.
  package func deliverLagging(stream: String, deadlineMilliseconds: Int64) -> Report {
    var delivery = LagDelivery(streamSender: self, stream: stream, deadlineMilliseconds: deadlineMilliseconds)
    do throws(TableError) {
      try delivery.run()
    } catch {
      fail(error, report: &delivery.report)
    }
    return delivery.report
  }

  struct LagDelivery {
    let streamSender: StreamSender
    let stream: String
    let deadline: Int64
    let stopAt: Int64
    var report: Report
    /// What was posted lately may be in the log since a moment ago only.
    private var idleUntil: Int64

    /// So long one invocation is at it.
    private static var longestMilliseconds: Int64 { 20_000 }
    /// A connection that is due later than this is not waited for.
    private static var idleMilliseconds: Int64 { 5_000 }
    /// With less time no attempt begins.
    private static var shortestAttemptMilliseconds: Int64 { 1_500 }
    /// A client that has failed twice is due later than that anyway.
    private static var shortestRestMilliseconds: Int64 { 200 }
    private static var longestRestMilliseconds: Int64 { 640 }
    private static var restMillisecondsEach: Int64 { 10 }
    /// How often the lag rows are read.
    static var pollMilliseconds: Int64 { 500 }

    init(streamSender: StreamSender, stream: String, deadlineMilliseconds: Int64) {
      let now = streamSender.clock.milliseconds()
      self.streamSender = streamSender
      self.stream = stream
      deadline = deadlineMilliseconds - StreamSender.reserveMilliseconds
      stopAt = min(deadline - Self.shortestAttemptMilliseconds, now + Self.longestMilliseconds)
      idleUntil = now + Self.idleMilliseconds
      report = Report(stream: stream)
    }
  }
}

extension StreamSender.LagDelivery {
  var now: Int64 { streamSender.clock.milliseconds() }

  /// Acquires the lease again and again: a process that found it taken has written a row that may not have been read.
  mutating func run() throws(TableError) {
    while now < stopAt {
      guard var lease = try streamSender.lagLeases.acquire(stream: stream) else {
        report.isLeaseTaken = true
        return
      }
      do throws(TableError) {
        try serveAll(&lease)
      } catch {
        try? streamSender.lagLeases.release(lease)
        throw error
      }
      try streamSender.lagLeases.release(lease)
      guard let next = try readLagging()?.nextAt(idleUntil: idleUntil, now: now), next <= now + Self.idleMilliseconds
      else {
        return
      }
    }
    // Another invocation goes on.
    report.isLagDue = true
  }

  /// One reading of how far the stream was delivered, and of its slow connections.
  struct LagReading {
    let epoch: String
    let deliveredThrough: Int64
    let rows: [LaggingConnection]

    /// Whether anything can be done for it: what was not delivered to the others is not sent.
    ///
    /// A round that withholds some of its frames writes the row before the checkpoint passes its events. Until then the row
    /// may begin before the checkpoint and end after it: a ready connection from 28 was sent some of 28 to 34, and the
    /// checkpoint is at 29. Served through 29 it would lose what the row says of the rest, and get it all again.
    func isServable(_ row: LaggingConnection) -> Bool {
      row.pace == .gone || max(row.from, row.withheld?.through ?? 0) <= deliveredThrough
    }

    func due(at now: Int64) -> [LaggingConnection] { rows.filter { $0.dueAtMilliseconds <= now && isServable($0) } }

    /// When something is to be done; nil: nothing is known of. A row may have been written by a round that is not at its
    /// end yet.
    func nextAt(idleUntil: Int64, now: Int64) -> Int64? {
      let known = rows.lazy.filter(isServable).map(\.dueAtMilliseconds).min()
      let isExpected = now < idleUntil && rows.contains { !isServable($0) }
      return isExpected ? min(known ?? .max, now + StreamSender<Sender>.LagDelivery.pollMilliseconds) : known
    }
  }

  /// What was delivered is read *first*: of a row that stands after that nothing up to there was sent by a round, so all of
  /// it is lacking.
  private func readLagging() throws(TableError) -> LagReading? {
    guard let checkpoint = try streamSender.rows.checkpoints.read(stream: stream) else { return nil }
    let rows = try streamSender.rows.lagging.all(stream: stream, epoch: checkpoint.epoch).filter(\.isSlow)
    return LagReading(epoch: checkpoint.epoch, deliveredThrough: checkpoint.deliveredThrough, rows: rows)
  }

  /// Pauses after an attempt, so that connections that are due within a moment of each other are served together, and so that
  /// many of them do not keep the table from the others: at least half of the time nothing is asked of it, and a hundred lag
  /// rows a second are written.
  private func rest(since start: Int64, slow count: Int) {
    let took = streamSender.clock.monotonicMilliseconds() - start
    let least = count == 0 ? 0 : max(Self.shortestRestMilliseconds, Int64(count) * Self.restMillisecondsEach)
    streamSender.clock.pause(min(Self.longestRestMilliseconds, max(took, least)))
  }

  private mutating func serveAll(_ lease: inout LagLease) throws(TableError) {
    while now < stopAt, try streamSender.lagLeases.keep(&lease) {
      guard let reading = try readLagging() else { return }
      let due = reading.due(at: now)
      if !due.isEmpty {
        let start = streamSender.clock.monotonicMilliseconds()
        let count = try serve(due, reading: reading)
        idleUntil = now + Self.idleMilliseconds
        rest(since: start, slow: count)
        continue
      }
      guard let next = reading.nextAt(idleUntil: idleUntil, now: now), next <= now + Self.idleMilliseconds else {
        return
      }
      streamSender.clock.pause(max(1, min(next, stopAt, now + Self.pollMilliseconds) - now))
    }
  }
}
