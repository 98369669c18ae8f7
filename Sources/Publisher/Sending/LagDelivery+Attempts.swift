import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

// One attempt for each of some slow connections, in a fan-out of their own.
extension StreamSender.LagDelivery {
  /// So many are served together, and of those that have left so many are removed.
  private static var servedTogether: Int { 64 }
  private static var removedTogether: Int { 8 }
  /// Who has failed less often is waited for as long as a prompt client may take and some more; who has failed more
  /// often by itself, until the gateway has an answer.
  private static var patientFailures: Int64 { 3 }
  private static var patienceMilliseconds: Int64 { 1_000 }
  private static var longPatienceMilliseconds: Int64 { 10_000 }

  mutating func serve(_ due: [Behind], _ look: Look) throws(TableError) {
    let slow = due.filter { $0.pace == .slow }
    let quick = slow.filter { $0.failures < Self.patientFailures }
    let rows = (quick.isEmpty ? slow : quick).prefix(Self.servedTogether)
    let left = due.filter { $0.pace == .gone }.prefix(Self.removedTogether)
    var page = LagPage(Array(rows + left), streamSender, stream, look)
    try page.read()
    page.post(until: end(quick.isEmpty ? Self.longPatienceMilliseconds : Self.patienceMilliseconds))
    page.close(until: end(Self.patienceMilliseconds))
    try page.write()
    if !page.hasTried { streamSender.clock.pause(Self.lookMilliseconds) }
    report.tally.add(page.tally)
    report.behind += page.laggingCount
    if page.hasReady {
      // Where another holds the lease, it looks who is ready when it has given it up.
      report.add(streamSender.send(stream, deadlineMilliseconds: deadline))
    }
  }

  /// The deadline of a fan-out that waits so long for answers: it keeps some of its time free.
  private func end(_ milliseconds: Int64) -> Int64 { min(now + milliseconds + 500, deadline) }

  /// Some slow connections, from the reading of what they lack to the writing of what became of it.
  struct LagPage {
    private let streamSender: StreamSender
    private let stream: String
    private let look: Look
    private let rows: [Behind]
    private var pages: StreamSender.LogPages
    private var catchUps: [ConnectionID: StreamSender.CatchUp] = [:]
    private var endings: [ConnectionID: Ending] = [:]
    private var closing: [Listener] = []
    /// Those that have left.
    private var left: Set<ConnectionID> = []
    private(set) var tally = Tally()
    private(set) var laggingCount = 0
    /// Somebody is served by the next round.
    private(set) var hasReady = false
    private(set) var hasTried = false

    init(_ rows: [Behind], _ streamSender: StreamSender, _ stream: String, _ look: Look) {
      self.rows = rows
      self.streamSender = streamSender
      self.stream = stream
      self.look = look
      pages = StreamSender.LogPages(
        streamSender.streamLog, stream, epoch: look.epoch, end: look.deliveredThrough)
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
      if row.pace == .gone {
        closing.append(Listener(closing: record.id, record.connectedAtMilliseconds))
      } else {
        catchUps[row.id] = try streamSender.catchUp(row, record, &pages)
      }
    }
  }

  /// One attempt for each.
  mutating func post(until deadline: Int64) {
    let listeners = catchUps.values.compactMap(\.listener)
    guard !listeners.isEmpty else { return }
    var endings: [ConnectionID: Ending] = [:]
    var page: [Listener]? = listeners
    let (pages, stream, streamSender) = (pages, stream, streamSender)
    let posted = streamSender.lagSender.deliver(
      deadlineMilliseconds: deadline, keepsOn: { true },
      nextPage: {
        defer { page = nil }
        return page
      },
      settled: { listener, ending in
        endings[listener.id] = ending
        streamSender.log(listener, ending, stream) { pages.event($0) }
      })
    // The time was up before anybody was asked for: nobody was posted to.
    for listener in page ?? [] { endings[listener.id] = Ending(.unsent, firstMissing: 0) }
    tally.add(posted)
    tally.late.formUnion(posted.late)
    self.endings = endings
    for listener in listeners where endings[listener.id]?.reason == .gone {
      if listener.isClosedAfterwards {
        left.insert(listener.id)
      } else {
        closing.append(Listener(closing: listener.id, listener.connectedAtMilliseconds))
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

  /// What became of each: one request for all, but for those that are removed.
  mutating func write() throws(TableError) {
    var outcomes: [(row: Behind, outcome: Missing)] = []
    for row in rows where !left.contains(row.id) {
      if let outcome = outcome(of: row) { outcomes.append((row, outcome)) }
    }
    hasTried = !outcomes.isEmpty || !left.isEmpty
    let refused = try streamSender.behindRows.write(outcomes, stream)
    for (row, outcome) in outcomes {
      if outcome.pace == .slow { laggingCount += 1 }
      if !refused.contains(row.id) {
        if outcome.pace == .ready { hasReady = true }
      } else if mayHaveArrived(row) {
        // Whoever holds the place shows the state, and this may have come after it: it is sent again, so that the newest
        // comes last.
        try streamSender.behindRows.note([Missing(row.id, from: row.from)], stream, epoch: look.epoch)
        hasReady = true
      }
    }
    try remove(rows.filter { left.contains($0.id) })
  }

  /// Nil: it was not tried.
  private func outcome(of row: Behind) -> Missing? {
    guard let catchUp = catchUps[row.id] else {
      return Missing(row.id, from: row.from, failures: row.failures + 1, .gone)
    }
    guard let listener = catchUp.listener, let ending = endings[row.id], !ending.isTooLarge else {
      return progress(row, through: catchUp.through ?? look.deliveredThrough)
    }
    let from = listener.marks[ending.firstMissing]
    switch ending.reason {
    case .unsent: return from > row.from ? Missing(row.id, from: from, failures: row.failures, .slow) : nil
    case .gone: return Missing(row.id, from: from, failures: row.failures + 1, .gone)
    default:
      let isYoung = ending.reason == .refused(status: 410)
      return Missing(
        row.id, from: from, failures: ending.firstMissing > 0 ? 1 : row.failures + 1, .slow,
        latestMilliseconds: isYoung ? listener.connectedAtMilliseconds + FanoutState.youngMilliseconds : nil)
    }
  }

  /// It has everything up to there. One that has all that was delivered and answered promptly is ready for the next round.
  private func progress(_ row: Behind, through: Int64) -> Missing {
    if through < look.deliveredThrough {
      return Missing(row.id, from: through + 1, failures: 0, .slow)
    }
    guard tally.late.contains(row.id) else { return Missing(row.id, from: through + 1, failures: row.failures) }
    return Missing(row.id, from: through + 1, failures: max(2, row.failures), .slow)
  }

  private func mayHaveArrived(_ row: Behind) -> Bool {
    guard catchUps[row.id]?.listener != nil else { return false }
    guard let ending = endings[row.id] else { return true }
    if ending.firstMissing > 0 || ending.isTooLarge { return true }
    switch ending.reason {
    case .hung, .broken: return true
    case .gone, .refused, .unreachable, .unsent: return false
    }
  }

  /// Their rows as listeners first: whoever posts to one in between finds it gone once more.
  private mutating func remove(_ gone: [Behind]) throws(TableError) {
    guard !gone.isEmpty else { return }
    let start = streamSender.clock.monotonicMilliseconds()
    var removed: [Behind] = []
    for row in gone {
      // Where its own row is gone too, the topics of what it lacks tell under which it stands.
      let isKnown = row.from <= look.deliveredThrough
      let topics = isKnown ? EventRun(try pages.page(from: row.from).events.map(\.event)).topics : []
      if streamSender.remove(row.id, found: topics) { removed.append(row) }
    }
    try streamSender.behindRows.remove(removed, stream)
    // Many that are gone do not keep the table from those who are there.
    streamSender.clock.pause(min(Self.longestRestMilliseconds, streamSender.clock.monotonicMilliseconds() - start))
  }

  private static var longestRestMilliseconds: Int64 { 500 }

  private static func once(_ page: [Listener]) -> () -> [Listener]? {
    var page: [Listener]? = page
    return {
      defer { page = nil }
      return page
    }
  }
}

extension Listener {
  /// One that is told nothing more.
  fileprivate init(closing id: ConnectionID, _ connectedAtMilliseconds: Int64) {
    self.init(id: id, connectedAtMilliseconds: connectedAtMilliseconds, frames: [], isClosedAfterwards: true)
  }
}
