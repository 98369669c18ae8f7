import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

extension StreamSender {
  /// Posts a round to everybody: first to those who are behind, then to the listeners page by page, while the page before is
  /// on its way.
  func run(_ round: Round, _ lease: inout Lease, _ stopAt: Int64) -> Round.Result {
    let shaped = Round.shaped(round.events)
    let run = EventRun(shaped.events)
    var frames = FrameCache(shaped.events, shaped.placements, cursor: round.cursor(through: round.end).text)
    var listeners =
      shaped.events.isEmpty ? nil : connections.listeners(of: run, pageSize: pageSize, after: lease.cut?.position)
    var late = round.behind[...]
    var catchingUp: [ConnectionID: CatchUp] = [:]
    var held = lease
    var result = Round.Result()
    result.folded = round.events.count - shaped.events.count
    var pages = LogPages(self, round)
    let tally = sender.deliver(
      deadlineMilliseconds: stopAt + Self.fanoutReserveMilliseconds,
      keepsOn: {
        do throws(TableError) {
          guard try prolong(&held) else {
            result.isLeaseLost = true
            return false
          }
        } catch {
          log.warn("lease not prolonged", ["stream": .text(round.stream), "reason": .text(error.description)])
        }
        return true
      },
      nextPage: {
        do throws(TableError) {
          guard try prolong(&held) else {
            result.isLeaseLost = true
            return nil
          }
          if clock.milliseconds() >= stopAt {
            result.cut = listeners?.position
            return nil
          }
          if let row = late.popFirst() {
            let catchUp = try self.catchUp(row, round, &pages)
            if let listener = catchUp.listener {
              catchingUp[row.id] = catchUp
              result.begin(listener)
              return [listener]
            }
            finish(catchUp, round, &result)
            return []
          }
          guard let page = try listeners?.next(), !page.isEmpty else { return nil }
          let now = clock.milliseconds()
          let isLate = try whoIsLate(among: page, round, now)
          return page.filter { !isLate.contains($0.id) }.map { recipient in
            if let until = recipient.untilMilliseconds, until <= now {
              return Listener(expired: recipient.id, recipient.connectedAtMilliseconds, through: round.end)
            }
            let packed = frames.frames(recipient.parts, recipient.dialect, recipient.accepts)
            let listener = Listener(recipient, packed)
            result.begin(listener)
            return listener
          }
        } catch {
          result.failure = error
          return nil
        }
      },
      settled: { listener, ending in
        let row = catchingUp.removeValue(forKey: listener.id)?.row
        result.leave(listener)
        settle(listener, ending, row, run, &result)
      })
    for catchUp in catchingUp.values { finish(catchUp, round, &result) }
    result.tally = tally
    if !tally.isEveryPageRead, !result.isLeaseLost, result.failure == nil, result.cut == nil {
      result.isBrokenOff = true
      result.cut = listeners?.position
    }
    note(round, shaped.events, tally)
    lease = held
    return result
  }

  /// What of which publish went out when: by the correlation ids of the events, those of the first few.
  private func note(_ round: Round, _ sent: [Event], _ tally: Tally) {
    log.debug(
      "round sent",
      [
        "stream": .text(round.stream), "through": .number(round.end), "events": .number(Int64(sent.count)),
        "behind": .number(Int64(round.behind.count)), "deliveries": .number(Int64(tally.deliveries)),
        "correlationIds": .text(sent.prefix(10).map { $0.correlationID ?? $0.id }.joined(separator: ",")),
      ])
  }

  /// Those of a page who lack something. One that has subscribed since the round began is held where it was shown the
  /// state; its hold stands since before its listener rows, so whoever finds these finds it.
  private func whoIsLate(
    among page: [Recipient], _ round: Round, _ now: Int64
  ) throws(TableError) -> Set<ConnectionID> {
    guard page.contains(where: { $0.heldUntilMilliseconds ?? 0 > now && !round.isLate.contains($0.id) }) else {
      return round.isLate
    }
    return try round.isLate.union(behindRows.all(round.stream, epoch: round.epoch).map(\.id))
  }

  /// `Fanout` starts no call in this last part of its time.
  private static var fanoutReserveMilliseconds: Int64 { 1_000 }

  /// Keeps the lease while a long round goes on. False: another has taken it.
  private func prolong(_ lease: inout Lease) throws(TableError) -> Bool {
    guard lease.endMilliseconds - clock.milliseconds() < Marks.leaseMilliseconds / 2 else { return true }
    return try marks.write(&lease)
  }

  /// A connection that is gone loses its rows; one that lacks something is noted, unless what it lacks can never reach it.
  private func settle(
    _ listener: Listener, _ ending: Ending, _ row: Behind?, _ run: EventRun, _ result: inout Round.Result
  ) {
    switch ending.reason {
    case .gone:
      do throws(TableError) {
        try connections.disconnect(listener.id, found: run.topics)
        if let row { result.served.append(row) }
      } catch {
        log.error(
          "gone connection not removed",
          ["connectionId": .text(listener.id.text), "reason": .text(error.description)])
        note(listener, ending, row, &result)
      }
    case .refused(let status):
      log.warn("delivery refused", fields(listener, ending, run, "status", .number(Int64(status))))
      if status != Self.tooLarge { note(listener, ending, row, &result) } else if let row { result.served.append(row) }
    case .broken(let reason):
      log.warn("delivery failed", fields(listener, ending, run, "reason", .text(reason)))
      note(listener, ending, row, &result)
    case .unsent: note(listener, ending, row, &result)
    }
  }

  private static var tooLarge: Int { 413 }

  /// Which connection lacks what, by the correlation id of the first event it lacks, or by that event's own.
  private func fields(
    _ listener: Listener, _ ending: Ending, _ run: EventRun, _ name: String, _ what: Log.Value
  ) -> Log.Fields {
    let event = run.events.first
    let seq = ending.firstMissing < listener.marks.count ? listener.marks[ending.firstMissing] : 0
    return [
      "connectionId": .text(listener.id.text), name: what, "stream": .text(event?.stream ?? ""), "seq": .number(seq),
      "correlationId": .text(event.map { $0.correlationID ?? $0.id } ?? ""),
    ]
  }

  /// One that got a part of what it lacks has its next turn soon.
  private func note(_ listener: Listener, _ ending: Ending, _ row: Behind?, _ result: inout Round.Result) {
    let from = listener.marks[ending.firstMissing]
    let failures = row.map { ending.firstMissing > 0 ? 1 : $0.failures + 1 } ?? 0
    result.missing.append(Missing(listener.id, from: from, failures: failures))
  }

  // MARK: Who is behind

  /// What a connection that is behind gets: everything from its place on that is for it, as far as one reading of the log
  /// goes.
  struct CatchUp {
    let row: Behind
    /// Nil: it is gone, or nothing of this is for it.
    let listener: Listener?
    /// It has everything up to here once it has its frames; nil: it is gone.
    let through: Int64?
  }

  private func catchUp(_ row: Behind, _ round: Round, _ pages: inout LogPages) throws(TableError) -> CatchUp {
    guard let record = try connections.connection(row.id) else {
      return CatchUp(row: row, listener: nil, through: nil)
    }
    if let until = record.untilMilliseconds, until <= clock.milliseconds() {
      let listener = Listener(expired: record.id, record.connectedAtMilliseconds, through: round.end)
      return CatchUp(row: row, listener: listener, through: round.end)
    }
    let page = try pages.page(from: row.from)
    let shaped = Round.shaped(page.events)
    let parts = shaped.events.enumerated().compactMap { place, event in
      record.shownName(of: event).map { Recipient.Part(event: place, shownAs: $0) }
    }
    guard !parts.isEmpty else { return CatchUp(row: row, listener: nil, through: page.through) }
    var frames = FrameCache(shaped.events, shaped.placements, cursor: round.cursor(through: page.through).text)
    let packed = frames.frames(parts, record.dialect, record.accepts)
    let listener = Listener(
      id: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, frames: packed.frames,
      marks: packed.sequences, eventCount: parts.count)
    return CatchUp(row: row, listener: listener, through: page.through)
  }

  private func finish(_ catchUp: CatchUp, _ round: Round, _ result: inout Round.Result) {
    guard let through = catchUp.through, through < round.end else {
      result.served.append(catchUp.row)
      return
    }
    result.missing.append(Missing(catchUp.row.id, from: through + 1))
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
  }
}
