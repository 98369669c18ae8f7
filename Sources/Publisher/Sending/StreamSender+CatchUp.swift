import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

// Those who are behind.
extension StreamSender {
  /// What a connection that is behind gets: everything from its place on that is for it, as far as one reading of the
  /// log goes.
  struct CatchUp {
    let row: Behind
    /// Nil: it is gone, or nothing of this is for it.
    let listener: Listener?
    /// It has everything up to here once it has its frames; nil: it is gone.
    let through: Int64?
  }

  /// What the log holds from some places on: many who are behind are so from the same one.
  struct LogPages {
    private let streamLog: StreamLog
    private let round: Round
    private var read: [Int64: LogPage] = [:]

    init(_ sender: StreamSender, _ round: Round) {
      streamLog = sender.streamLog
      self.round = round
    }

    mutating func page(from: Int64) throws(TableError) -> LogPage {
      if let page = read[from] { return page }
      let head = LogHead(epoch: round.epoch, next: round.end + 1)
      let page = try streamLog.read(round.stream, head: head, after: from - 1)
      if read.count >= 4 { read.removeAll() }
      read[from] = page
      return page
    }

    /// One of the events that were read.
    func event(_ sequence: Int64) -> Event? {
      read.values.lazy.compactMap { $0.event(sequence) }.first
    }
  }
}

extension StreamSender.Posting {
  /// What the connection of a row gets; nothing if it is gone, or nothing of this is for it.
  mutating func begin(_ row: Behind) throws(TableError) -> [Listener] {
    let catchUp = try catchUp(row)
    guard let listener = catchUp.listener else {
      finish(catchUp)
      return []
    }
    catchingUp[row.id] = catchUp
    result.begin(listener)
    return [listener]
  }

  private mutating func catchUp(_ row: Behind) throws(TableError) -> StreamSender.CatchUp {
    guard let record = try streamSender.connections.connection(row.id) else {
      return StreamSender.CatchUp(row: row, listener: nil, through: nil)
    }
    if let until = record.untilMilliseconds, until <= streamSender.clock.milliseconds() {
      let listener = Listener(expired: record.id, record.connectedAtMilliseconds, through: round.end)
      return StreamSender.CatchUp(row: row, listener: listener, through: round.end)
    }
    let page = try pages.page(from: row.from)
    let shaped = Round.shaped(page.events)
    let parts = shaped.events.enumerated().compactMap { place, event in
      record.shownName(of: event).map { Recipient.Part(event: place, shownAs: $0) }
    }
    guard !parts.isEmpty else { return StreamSender.CatchUp(row: row, listener: nil, through: page.through) }
    var frames = FrameCache(shaped.events, shaped.placements, cursor: round.cursor(through: page.through).text)
    let packed = frames.frames(parts, record.dialect, record.accepts)
    let listener = Listener(
      id: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, frames: packed.frames,
      marks: packed.sequences, eventCount: parts.count)
    return StreamSender.CatchUp(row: row, listener: listener, through: page.through)
  }

  /// Notes whether it has everything now.
  mutating func finish(_ catchUp: StreamSender.CatchUp) {
    guard let through = catchUp.through, through < round.end else {
      result.served.append(catchUp.row)
      return
    }
    result.missing.append(Missing(catchUp.row.id, from: through + 1))
  }
}
