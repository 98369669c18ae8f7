import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry

// One attempt for each of some slow connections, in a fan-out of their own.
extension StreamSender.LagDelivery {
  /// So many are served together, and of those that have left so many are removed.
  private static var servedTogether: Int { 64 }
  private static var removedTogether: Int { 25 }
  /// A connection that has failed less often than this is waited for as long as a prompt client may take and some more. One
  /// that has failed more often is served apart from those, until the gateway has an answer.
  private static var promptFailures: Int64 { 3 }
  private static var timeoutMilliseconds: Int64 { 1_000 }
  private static var longTimeoutMilliseconds: Int64 { 10_000 }

  /// Answers how many of them are slow.
  mutating func serve(_ due: [LaggingConnection], reading: LagReading) throws(TableError) -> Int {
    let slow = due.filter { $0.pace == .slow }
    let quick = slow.filter { $0.failures < Self.promptFailures }
    let rows = (quick.isEmpty ? slow : quick).prefix(Self.servedTogether)
    let departed = due.filter { $0.pace == .gone }.prefix(Self.removedTogether)
    // From the one that lacks most: one reading of the log is for all.
    var page = LagPage((rows + departed).sorted { $0.from < $1.from }, streamSender, stream, reading)
    try page.read()
    page.post(until: end(quick.isEmpty ? Self.longTimeoutMilliseconds : Self.timeoutMilliseconds))
    page.close(until: end(Self.timeoutMilliseconds))
    try page.write()
    if !page.hasTried { streamSender.clock.pause(Self.pollMilliseconds) }
    report.add(posted: page.counts)
    for (id, unsent) in page.settled { report.settle(id, unsent: unsent) }
    if page.hasReady {
      // Where another process has the lease, it reads the ready rows once it has released it.
      report.add(streamSender.send(stream: stream, deadlineMilliseconds: deadline))
    }
    return rows.count
  }

  /// The deadline of a fan-out that waits so long for answers: it keeps some of its time free.
  private func end(_ milliseconds: Int64) -> Int64 { min(now + milliseconds + 500, deadline) }

  /// Some slow connections, from the reading of what they lack to the writing of what became of it.
  struct LagPage {
    let streamSender: StreamSender
    let stream: String
    let reading: LagReading
    let rows: [LaggingConnection]
    var pages: LogPages
    var catchUps: [ConnectionID: CatchUp] = [:]
    var failures: [ConnectionID: DeliveryFailure] = [:]
    private(set) var records: [ConnectionID: ConnectionRecord] = [:]
    private var closing: [PendingDelivery] = []
    /// Those that have left.
    var departed: Set<ConnectionID> = []
    var counts = DeliveryCounts()
    /// What became of those that were tried: how many frames of one that lags still there was no time for; nil: it lags no
    /// more, but for a round that ends it.
    var settled: [(id: ConnectionID, unsent: Int?)] = []
    /// The next round serves at least one of them.
    var hasReady = false
    var hasTried = false

    init(_ rows: [LaggingConnection], _ streamSender: StreamSender, _ stream: String, _ reading: LagReading) {
      self.rows = rows
      self.streamSender = streamSender
      self.stream = stream
      self.reading = reading
      pages = LogPages(
        log: streamSender.rows.log, stream: stream, epoch: reading.epoch, end: reading.deliveredThrough)
    }
  }
}

extension StreamSender.LagDelivery.LagPage {
  /// What each of them lacks.
  mutating func read() throws(TableError) {
    for (row, record) in zip(rows, try streamSender.connections.connections(rows.map(\.id))) {
      guard let record else {
        departed.insert(row.id)
        continue
      }
      records[row.id] = record
      if row.pace == .gone {
        closing.append(PendingDelivery(closing: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds))
      } else {
        catchUps[row.id] = try streamSender.catchUp(row, record: record, pages: &pages)
      }
    }
  }

  /// One attempt for each.
  mutating func post(until deadline: Int64) {
    let deliveries = catchUps.values.compactMap(\.delivery)
    guard !deliveries.isEmpty else { return }
    let posted = streamSender.lagSender.deliver(deliveries, deadlineMilliseconds: deadline)
    logAlerts(deliveries, failures: posted.failures)
    counts.add(posted.counts)
    counts.slow.formUnion(posted.counts.slow)
    for failure in posted.failures {
      failures[failure.id] = failure
      let before = catchUps[failure.id]?.row.failures ?? 0
      streamSender.log(failure, stream: stream, before: before) { pages.event($0) }
      guard failure.reason == .gone else { continue }
      if failure.delivery.isClosedAfterwards {
        departed.insert(failure.id)
      } else {
        closing.append(
          PendingDelivery(closing: failure.id, connectedAtMilliseconds: failure.delivery.connectedAtMilliseconds))
      }
    }
  }

  /// Of the alerts that lagging connections have now, or will never have.
  private func logAlerts(_ deliveries: [PendingDelivery], failures: [DeliveryFailure]) {
    var alerts = AlertOutcomes()
    for delivery in deliveries { alerts.begin(delivery) }
    for failure in failures { alerts.discount(failure) }
    streamSender.log(alerts.settled, stream: stream) { pages.event($0) }
  }

  /// The gateway is told to close those that it does not know, should they live: what it knows no more is removed.
  mutating func close(until deadline: Int64) {
    guard !closing.isEmpty else { return }
    let closed = streamSender.lagSender.deliver(closing, deadlineMilliseconds: deadline)
    departed.formUnion(closed.failures.lazy.filter { $0.reason == .gone }.map(\.id))
  }
}

extension PendingDelivery {
  /// One that is told nothing more.
  fileprivate init(closing id: ConnectionID, connectedAtMilliseconds: Int64) {
    self.init(id: id, connectedAtMilliseconds: connectedAtMilliseconds, frames: [], isClosedAfterwards: true)
  }
}
