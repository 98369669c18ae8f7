package import ConnectionStore
package import Connections
package import Frames
import Messaging
import Telemetry

// Without reading events.
extension RecoveryReader {
  /// The cursor up to which a connection lacks nothing, in every stream it follows.
  package func cursor(record: ConnectionRecord) throws(TableError) -> Cursor {
    var cursor = Cursor()
    for one in try positions(record: record) { cursor.set(stream: one.stream, epoch: one.epoch, to: one.delivered) }
    return cursor
  }

  /// The positions of a connection in every stream it follows.
  package func positions(record: ConnectionRecord) throws(TableError) -> [StreamPosition] {
    let streams = record.streams(types: types)
    let heads = try heads(of: streams)
    // The checkpoints before the lag rows: a lag row is written before the checkpoint passes the events it is about.
    let checkpoints = try table.pages(
      of: streams.map { CheckpointRow.query(stream: $0) })
    let lagging = try table.pages(of: streams.map { LagRow.query(stream: $0, id: record.id) })
    var positions: [StreamPosition] = []
    for (index, stream) in streams.enumerated() {
      guard let head = heads[index] else {
        positions.append(StreamPosition(stream: stream, epoch: "", last: 0, delivered: 0))
        continue
      }
      var sequence: Int64 = 0
      if let item = checkpoints[index].items.first {
        let checkpoint = CheckpointRow.checkpoint(item, at: clock.milliseconds())
        if checkpoint.epoch == head.epoch { sequence = checkpoint.deliveredThrough }
      }
      if let row = lagging[index].items.first.flatMap(LaggingConnection.init), row.isOf(head.epoch) {
        sequence = min(sequence, row.from - 1)
      }
      positions.append(StreamPosition(stream: stream, epoch: head.epoch, last: head.last, delivered: sequence))
    }
    return positions
  }
}
