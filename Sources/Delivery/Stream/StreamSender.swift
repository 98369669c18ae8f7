package import ConnectionStore
package import Connections
package import EventLog
import Messaging
package import Telemetry

/// Sends streams to their listeners, each as the only one that does: round after round while there is something to
/// send.
///
/// An event counts as delivered when each listener has it, or is recorded as lagging. A process that dies in between leaves
/// a lease that ends, and a checkpoint from which the next holder goes on. In the order in which it runs: this file acquires
/// the leases, `StreamSender+Step` takes one step after the other and plans it (`RoundPlan`), `RoundDelivery` posts a round,
/// and `StreamProgress` records what came of it, moves the checkpoint and releases the lease. `Docs/delivery.md` follows one
/// event through it.
///
/// A class, for rounds and lag deliveries hold it: as a value its thirty members were copied by code of their own in each
/// type that held it, 60 KB of the Publisher.
package final class StreamSender<Sender: FrameSender> {
  package let connections: Connections
  package let types: EventTypeTable
  let rows: StreamRows
  package let lagLeases: LagLeases
  let sender: Sender
  /// Posts to the connections that are slow.
  let lagSender: Sender
  let log: Log
  let clock: Clock
  /// A client gets one frame a window at most of one stream.
  let windowMilliseconds: Int64
  /// How many listeners are read at once.
  let pageSize: Int

  /// Kept free before the deadline: for the calls on their way, the lag rows, and the hand-over.
  static var reserveMilliseconds: Int64 { 2_000 }
  /// How long a holder with nothing new waits for connections that lag and are ready, before it leaves them to the sweep.
  static var laggingTimeoutMilliseconds: Int64 { 1_500 }

  package init(
    table: any Table, types: EventTypeTable, sender: Sender, lagSender: Sender? = nil, shards: Int = 1,
    limits: StreamLimits = StreamLimits(), pageSize: Int = 500, log: Log,
    clock: Clock = .system, randomness: Randomness = .system
  ) {
    self.types = types
    self.pageSize = pageSize
    windowMilliseconds = 1_000 / limits.framesPerSecond
    connections = Connections(table: table, shards: shards, clock: clock, randomness: randomness)
    rows = StreamRows(table: table, shards: shards, limits: limits, clock: clock, randomness: randomness)
    lagLeases = LagLeases(table: table, clock: clock, randomness: randomness)
    self.sender = sender
    self.lagSender = lagSender ?? sender
    self.log = log
    self.clock = clock
  }

  package var activeStreams: ActiveStreams { rows.active }

  /// A stream whose lease this process has.
  struct LeasedStream {
    var progress: StreamProgress
    /// Nothing is to be done before, in milliseconds since the epoch.
    var dueAt: Int64
    /// When ready connections whose turn has not come are left to the sweep.
    var waitsUntil: Int64
    /// Once everything up to this event was sent, and this moment has passed, another goes on with what others append.
    let own: Int64
    let handOverAt: Int64
    var report: Report
  }

  /// Sends what the logs of the streams hold and was not sent. While one waits for its window, others go on.
  /// `deadlineMilliseconds`: since the epoch, the invocation's.
  ///
  /// `through`: the last event of each stream that the caller waits for; once it was sent, the lease is kept for
  /// `maximumWaitMilliseconds` in all at most: a publisher is not kept waiting by what others append.
  package func send(
    _ streams: [String], through: [[UInt8]: Int64] = [:], maximumWaitMilliseconds: Int64 = .max,
    deadlineMilliseconds: Int64
  ) -> [Report] {
    let stopAt = deadlineMilliseconds - Self.reserveMilliseconds
    var reports: [Report] = []
    var leased: [LeasedStream] = []
    let start = clock.milliseconds()
    let handOverAt = maximumWaitMilliseconds == .max ? .max : start + maximumWaitMilliseconds
    for stream in streams {
      var report = Report(stream: stream)
      if let progress = acquire(stream: stream, report: &report) {
        let now = clock.milliseconds()
        leased.append(
          LeasedStream(
            progress: progress, dueAt: now, waitsUntil: now + Self.laggingTimeoutMilliseconds,
            own: through[Array(stream.utf8)] ?? 0, handOverAt: handOverAt, report: report))
      } else {
        reports.append(report)
      }
    }
    while let next = leased.indices.min(by: { leased[$0].dueAt < leased[$1].dueAt }) {
      let wait = min(leased[next].dueAt, stopAt) - clock.milliseconds()
      if wait > 0 { clock.pause(wait) }
      if case .again(let dueAt) = attempt(&leased[next], stopAt: stopAt) {
        leased[next].dueAt = dueAt
      } else {
        reports.append(leased.remove(at: next).report)
      }
    }
    return reports
  }

  package func send(stream: String, deadlineMilliseconds: Int64) -> Report {
    send([stream], deadlineMilliseconds: deadlineMilliseconds)[0]
  }

  /// Sends a stream that the caller knows to have pending events. The process that has the lease may not know of them: it
  /// may have read the lag rows before the caller's was written. So a lease that is taken is waited for, for a little.
  package func sendPending(of stream: String, deadlineMilliseconds: Int64) -> Report {
    let until = min(clock.milliseconds() + Self.leaseTimeoutMilliseconds, deadlineMilliseconds)
    while true {
      let report = send(stream: stream, deadlineMilliseconds: deadlineMilliseconds)
      guard report.isLeaseTaken, clock.milliseconds() < until else { return report }
      clock.pause(windowMilliseconds)
    }
  }

  static var leaseTimeoutMilliseconds: Int64 { 2_000 }

  /// Whether a stream has something to send and no process sends it.
  package func hasPendingEvents(stream: String) throws(TableError) -> Bool {
    try rows.active.pendingWork(of: [stream])[0].isPending
  }

  private func acquire(stream: String, report: inout Report) -> StreamProgress? {
    do throws(TableError) {
      if let progress = try StreamProgress(acquiring: stream, rows: rows, clock: clock) { return progress }
      report.isQueued = true
      report.isLeaseTaken = true
    } catch {
      fail(error, report: &report)
    }
    return nil
  }

  private func attempt(_ leased: inout LeasedStream, stopAt: Int64) -> Step {
    do throws(TableError) {
      return try step(&leased, stopAt: stopAt)
    } catch {
      fail(error, report: &leased.report)
      return .done
    }
  }

  func fail(_ error: TableError, report: inout Report) {
    log.error("stream not sent", ["stream": .stream(report.stream), "reason": .text(error.description)])
    report.isQueued = true
  }
}
