package import ConnectionStore
package import Connections
package import Frames
import Messaging

// Without reading events.
extension RecoveryReader {
  /// Up to where a connection lacks nothing, in every stream it follows.
  package func standing(record: ConnectionRecord) throws(TableError) -> Cursor {
    var cursor = Cursor()
    for one in try standings(record: record) { cursor.set(stream: one.stream, epoch: one.epoch, to: one.delivered) }
    return cursor
  }

  /// Where a connection is in a stream.
  package struct Standing: Equatable, Sendable {
    package let stream: String
    /// Empty: the stream has no log.
    package let epoch: String
    /// The newest event there is.
    package let last: Int64
    /// Everything up to this one was delivered, as far as it is for this connection.
    package let delivered: Int64
  }

  /// Where a connection is in every stream it follows.
  package func standings(record: ConnectionRecord) throws(TableError) -> [Standing] {
    let streams = record.streams
    let heads = try heads(of: streams)
    // The marks before the rows of those who are behind: these are written before a mark passes what they lack.
    let marks = try table.pages(
      of: streams.map { Query(partition: Keys.mark(stream: $0).partition, sort: .between("0", "0")) })
    let behind = try table.pages(
      of: streams.map { Query(partition: Keys.behind(stream: $0), sort: .between(record.id.text, record.id.text)) })
    var standings: [Standing] = []
    for (place, stream) in streams.enumerated() {
      guard let head = heads[place] else {
        standings.append(Standing(stream: stream, epoch: "", last: 0, delivered: 0))
        continue
      }
      var sequence: Int64 = 0
      if let mark = marks[place].items.first, mark.string("epoch") == head.epoch { sequence = mark.number("sent") ?? 0 }
      if let row = behind[place].items.first.flatMap(LaggingConnection.init), row.isOf(head.epoch) {
        sequence = min(sequence, row.from - 1)
      }
      standings.append(Standing(stream: stream, epoch: head.epoch, last: head.last, delivered: sequence))
    }
    return standings
  }
}
