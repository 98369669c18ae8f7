import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import Telemetry

// The connections that lag.
extension StreamSender {
  /// What a connection that lags gets: everything from its `from` on that is for it, as far as one reading of the log goes.
  struct CatchUp {
    let row: LaggingConnection
    /// Nil: it has left, or none of these events is for it.
    let listener: PendingDelivery?
    /// It has everything up to here once it has its frames; nil: it has left.
    let through: Int64?
  }

  /// The pages of the log from some sequences on, up to an end: many connections lag from the same one.
  struct LogPages {
    private let streamLog: StreamLog
    private let stream: String
    let epoch: String
    let end: Int64
    private var read: [Int64: LogPage] = [:]

    init(streamLog: StreamLog, stream: String, epoch: String, end: Int64) {
      self.streamLog = streamLog
      self.stream = stream
      self.epoch = epoch
      self.end = end
    }

    mutating func page(from: Int64) throws(TableError) -> LogPage {
      if let page = read[from] { return page }
      // Many who lag each do so from a place of their own: what was read from an earlier one to the end has it too.
      if from <= end, let page = read.first(where: { $0.key < from && $0.value.through == end })?.value {
        return LogPage(events: Array(page.events.drop { $0.sequence < from }), through: end)
      }
      let page = try streamLog.read(stream: stream, head: LogHead(epoch: epoch, next: end + 1), after: from - 1)
      if read.count >= 4 { read.removeAll() }
      read[from] = page
      return page
    }

    /// One of the events that were read.
    func event(_ sequence: Int64) -> Event? {
      read.values.lazy.compactMap { $0.event(sequence) }.first
    }

    /// The cursor of a client that has everything of the stream up to an event.
    func cursor(through sequence: Int64) -> Cursor {
      var cursor = Cursor()
      cursor.set(stream: stream, epoch: epoch, to: sequence)
      return cursor
    }
  }

  /// What the connection of a row gets.
  func catchUp(_ row: LaggingConnection, record: ConnectionRecord?, pages: inout LogPages) throws(TableError) -> CatchUp
  {
    guard let record else { return CatchUp(row: row, listener: nil, through: nil) }
    if let until = record.untilMilliseconds, until <= clock.milliseconds() {
      let listener = PendingDelivery(
        expired: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, through: pages.end)
      return CatchUp(row: row, listener: listener, through: pages.end)
    }
    let page = try pages.page(from: row.from)
    let shaped = Round.shaped(page.events)
    let matches = shaped.events.enumerated().compactMap { index, event in
      record.shownName(of: event, types: types).map { Recipient.Match(event: index, shownAs: $0) }
    }
    guard !matches.isEmpty else { return CatchUp(row: row, listener: nil, through: page.through) }
    var frames = FrameCache(
      events: shaped.events, placements: shaped.placements, cursor: pages.cursor(through: page.through).text)
    let packed = frames.frames(matches, dialect: record.dialect, accepts: record.accepts)
    let listener = PendingDelivery(
      id: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, frames: packed.frames,
      firstSequences: packed.sequences, eventCount: matches.count)
    return CatchUp(row: row, listener: listener, through: page.through)
  }
}

extension StreamSender.RoundDelivery {
  /// What the connections of some lag rows get; those that have left, or that none of the events is for, are done.
  mutating func begin(_ rows: [LaggingConnection]) throws(TableError) -> [PendingDelivery] {
    let records = try streamSender.connections.connections(rows.map(\.id))
    // If the table fails at one of them, none is begun: a connection that is not posted to keeps its row.
    var catchUps: [StreamSender.CatchUp] = []
    for (row, record) in zip(rows, records) {
      catchUps.append(try streamSender.catchUp(row, record: record, pages: &pages))
    }
    var begun: [PendingDelivery] = []
    for catchUp in catchUps {
      guard let listener = catchUp.listener else {
        finish(catchUp)
        continue
      }
      catchingUp[catchUp.row.id] = catchUp
      result.begin(listener)
      begun.append(listener)
    }
    return begun
  }

  /// Records whether the connection has everything now.
  mutating func finish(_ catchUp: StreamSender.CatchUp) {
    guard let through = catchUp.through, through < round.end else {
      result.served.append(catchUp.row)
      return
    }
    result.lags.append(Lag(id: catchUp.row.id, from: through + 1))
  }
}
