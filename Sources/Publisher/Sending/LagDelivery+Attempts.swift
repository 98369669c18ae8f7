import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

// One attempt for each of some slow connections, in a fan-out of their own.
extension StreamSender.LagDelivery {
  /// So many are served together, and of those that have left so many are removed.
  private static var servedTogether: Int { 64 }
  private static var removedTogether: Int { 25 }
  /// Who has failed less often is waited for as long as a prompt client may take and some more; who has failed more
  /// often by itself, until the gateway has an answer.
  private static var patientFailures: Int64 { 3 }
  private static var patienceMilliseconds: Int64 { 1_000 }
  private static var longPatienceMilliseconds: Int64 { 10_000 }

  /// Answers how many of them are slow.
  mutating func serve(_ due: [LaggingConnection], look: Look) throws(TableError) -> Int {
    let slow = due.filter { $0.pace == .slow }
    let quick = slow.filter { $0.failures < Self.patientFailures }
    let rows = (quick.isEmpty ? slow : quick).prefix(Self.servedTogether)
    let left = due.filter { $0.pace == .gone }.prefix(Self.removedTogether)
    // From the one that lacks most: one reading of the log is for all.
    var page = LagPage((rows + left).sorted { $0.from < $1.from }, streamSender, stream, look)
    try page.read()
    page.post(until: end(quick.isEmpty ? Self.longPatienceMilliseconds : Self.patienceMilliseconds))
    page.close(until: end(Self.patienceMilliseconds))
    try page.write()
    if !page.hasTried { streamSender.clock.pause(Self.lookMilliseconds) }
    report.tally.add(page.tally)
    report.behind += page.laggingCount
    if page.hasReady {
      // Where another holds the lease, it looks who is ready when it has given it up.
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
    let look: Look
    let rows: [LaggingConnection]
    var pages: StreamSender.LogPages
    var catchUps: [ConnectionID: StreamSender.CatchUp] = [:]
    var endings: [ConnectionID: DeliveryFailure] = [:]
    private(set) var records: [ConnectionID: ConnectionRecord] = [:]
    private var closing: [PendingDelivery] = []
    /// Those that have left.
    var left: Set<ConnectionID> = []
    private(set) var tally = DeliveryCounts()
    var laggingCount = 0
    /// Somebody is served by the next round.
    var hasReady = false
    var hasTried = false

    init(_ rows: [LaggingConnection], _ streamSender: StreamSender, _ stream: String, _ look: Look) {
      self.rows = rows
      self.streamSender = streamSender
      self.stream = stream
      self.look = look
      pages = StreamSender.LogPages(
        streamLog: streamSender.streamLog, stream: stream, epoch: look.epoch, end: look.deliveredThrough)
    }
  }
}

extension StreamSender.LagDelivery.LagPage {
  /// What each of them lacks.
  mutating func read() throws(TableError) {
    for (row, record) in zip(rows, try streamSender.connections.connections(rows.map(\.id))) {
      guard let record else {
        left.insert(row.id)
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
    let listeners = catchUps.values.compactMap(\.listener)
    guard !listeners.isEmpty else { return }
    var endings: [ConnectionID: DeliveryFailure] = [:]
    var page: [PendingDelivery]? = listeners
    let (pages, stream, streamSender) = (pages, stream, streamSender)
    let posted = streamSender.lagSender.deliver(
      deadlineMilliseconds: deadline, keepsOn: { true },
      nextPage: {
        defer { page = nil }
        return page
      },
      settled: { listener, ending in
        endings[listener.id] = ending
        streamSender.log(listener, ending: ending, stream: stream) { pages.event($0) }
      })
    // The time was up before anybody was asked for: nobody was posted to.
    for listener in page ?? [] { endings[listener.id] = DeliveryFailure(.unsent, firstMissing: 0) }
    tally.add(posted)
    tally.late.formUnion(posted.late)
    self.endings = endings
    for listener in listeners where endings[listener.id]?.reason == .gone {
      if listener.isClosedAfterwards {
        left.insert(listener.id)
      } else {
        closing.append(PendingDelivery(closing: listener.id, connectedAtMilliseconds: listener.connectedAtMilliseconds))
      }
    }
  }

  /// The gateway is told to close those that it does not know, should they live: what it knows no more is removed.
  mutating func close(until deadline: Int64) {
    guard !closing.isEmpty else { return }
    var gone: Set<ConnectionID> = []
    _ = streamSender.lagSender.deliver(
      deadlineMilliseconds: deadline, keepsOn: { true }, nextPage: Self.once(closing),
      settled: { if $1.reason == .gone { gone.insert($0.id) } })
    left.formUnion(gone)
  }

  private static func once(_ page: [PendingDelivery]) -> () -> [PendingDelivery]? {
    var page: [PendingDelivery]? = page
    return {
      defer { page = nil }
      return page
    }
  }
}

extension PendingDelivery {
  /// One that is told nothing more.
  fileprivate init(closing id: ConnectionID, connectedAtMilliseconds: Int64) {
    self.init(id: id, connectedAtMilliseconds: connectedAtMilliseconds, frames: [], isClosedAfterwards: true)
  }
}
