import ConnectionStore
import Messaging

extension RecoveryReader {
  /// What the latest rows do not tell yet: of each key the newest event after what was sent. Nearly always there is none.
  func unsent(
    _ record: ConnectionRecord, _ stream: String, _ head: LogHead, through: Int64
  ) throws(TableError) -> [[UInt8]: LoggedEvent] {
    let mark = try Marks(table, clock: clock).look(stream)
    var place = mark.map { $0.epoch == head.epoch ? $0.sentThrough : 0 } ?? 0
    var newest: [[UInt8]: LoggedEvent] = [:]
    let part = LogHead(epoch: head.epoch, next: through + 1)
    while place < through {
      let page = try streamLog.read(stream, head: part, after: place, limitEvents: 2_000)
      for event in page.events where record.shownName(of: event.event) != nil {
        if let key = event.event.key { newest[Array(key.utf8)] = event }
      }
      place = page.through
    }
    return newest
  }
}
