import ConnectionStore
import Delivery
import Messaging
import Shaping
import Streams
import Telemetry

extension StreamSender {
  /// Posts a round to everybody: first to those who are behind, then to the listeners page by page, while the page before is
  /// on its way.
  func run(_ round: Round, _ lease: inout Lease, _ stopAt: Int64, _ result: inout Round.Result) {
    let shaped = Round.shaped(round.events)
    var cursor = Cursor()
    cursor.set(round.stream, epoch: round.epoch, to: round.end)
    var frames = FrameCache(shaped.events, shaped.placements, cursor: cursor.text)
    var late = round.behind[...]
    let lateIDs = Dictionary(round.behind.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var catchingUp: [ConnectionID: CatchUp] = [:]
    var listeners = shaped.events.isEmpty ? nil : connections.listeners(of: EventRun(shaped.events), after: lease.cut?.position)
    var heldLease = lease
    var state = result
    let tally = sender.deliver(
      deadlineMilliseconds: stopAt + 1_000,
      nextPage: {
        guard prolong(&heldLease, &state), clock.milliseconds() < stopAt || listeners == nil && late.isEmpty else {
          if listeners != nil { state.cut = listeners?.position }
          return nil
        }
        do throws(TableError) {
          if let row = late.popFirst() {
            guard let catchUp = try catchUp(row, round) else {
              state.served.append(row)
              return []
            }
            catchingUp[row.id] = catchUp
            return [catchUp.listener]
          }
          guard let page = try listeners?.next(), !page.isEmpty else {
            listeners = nil
            return nil
          }
          return page.filter { lateIDs[$0.id] == nil }.map { recipient in
            let packed = frames.frames(recipient.parts, recipient.dialect, recipient.accepts)
            return Listener(
              id: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, frames: packed.frames,
              marks: packed.sequences)
          }
        } catch {
          state.failure = error
          return nil
        }
      },
      settled: { listener, ending in
        let row = catchingUp.removeValue(forKey: listener.id)?.row
        settle(listener, ending, row, round, &state)
      })
    for catchUp in catchingUp.values { finish(catchUp, round, &state) }
    for row in late { state.missing.append((row.id, row.from)) }
    state.tally.add(tally)
    lease = heldLease
    result = state
  }
}
