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
  /// A client gets one frame a window of one stream.
  let window: RoundWindow
  /// What those get that take no batches; nil: there is no limit.
  let budget: FrameBudget?
  let batchRule: BatchRule
  /// How many events wait for a user at most.
  let personalEvents: Int64
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
    let perSecond = limits.framesPerSecond
    window = RoundWindow(milliseconds: perSecond == 0 ? 0 : 1_000 / perSecond)
    budget = perSecond == 0 ? nil : FrameBudget(rate: FrameRate(perSecond: perSecond, burst: limits.framesBurst))
    batchRule = BatchRule(limits)
    personalEvents = limits.personalEvents
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
    /// The slot of this sender's last round, whatever its stream: a client gets one frame a window.
    var slot: Int64 = 0
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
    align(&leased, nowMilliseconds: start)
    while let next = leased.map(\.dueAt).min() {
      let wait = min(next, stopAt) - clock.milliseconds()
      if wait > 0 { clock.pause(wait) }
      for index in advance(&leased, dueBy: max(next, clock.milliseconds()), stopAt: stopAt).reversed() {
        reports.append(leased.remove(at: index).report)
      }
    }
    return reports
  }

  /// A client may have had a frame of any of these streams: where there are several none begins before the last one's window
  /// is over.
  private func align(_ leased: inout [LeasedStream], nowMilliseconds now: Int64) {
    guard leased.count > 1 else { return }
    // What is still to come was written by a clock that was ahead.
    let slot = leased.map(\.progress.roundAtMilliseconds).filter { $0 <= now }.max() ?? 0
    for index in leased.indices { leased[index].slot = slot }
  }

  /// Takes a step of each stream that is due; their rounds are posted together. Answers which have come to their end.
  private func advance(_ leased: inout [LeasedStream], dueBy now: Int64, stopAt: Int64) -> [Int] {
    var ended: [Int] = []
    let most = window.milliseconds == 0 ? 1 : Self.joinedStreams
    let due = leased.indices.filter { leased[$0].dueAt <= now }.prefix(most)
    for (index, step) in zip(due, steps(Array(due), of: &leased, stopAt: stopAt)) {
      if case .again(let dueAt) = step { leased[index].dueAt = dueAt } else { ended.append(index) }
    }
    return ended
  }

  /// The listeners of so many streams are read side by side.
  private static var joinedStreams: Int { 8 }

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
      clock.pause(max(Self.leasePollMilliseconds, window.milliseconds))
    }
  }

  static var leaseTimeoutMilliseconds: Int64 { 2_000 }
  private static var leasePollMilliseconds: Int64 { 10 }

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

  /// A step that the table may fail at.
  func attempt(
    _ leased: inout LeasedStream, _ body: (inout LeasedStream) throws(TableError) -> Step
  ) -> Step {
    do throws(TableError) {
      return try body(&leased)
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
