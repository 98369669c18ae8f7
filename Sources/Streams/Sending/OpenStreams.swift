package import ConnectionStore
package import Telemetry

/// The streams that had an append lately: where the sweep looks for what a killed sender left.
///
/// A stream's row goes with the append itself, so nothing can be in the log that the sweep does not hear of; an environment
/// that put the row a moment ago leaves it out.
package struct OpenStreams {
  let table: any Table
  let shards: Int
  let clock: Clock
  /// When this environment put the row of a stream last, in seconds since the epoch.
  private var putAt: [[UInt8]: Int64] = [:]

  /// The sweep comes each minute; a row must outlive several of them.
  static let keptSeconds: Int64 = 10 * 60
  static let renewalSeconds: Int64 = 3 * 60
  /// Bounds what an environment remembers.
  static let rememberedStreams = 4_096

  package init(_ table: any Table, shards: Int = 1, clock: Clock = .system) {
    self.table = table
    self.shards = shards
    self.clock = clock
  }

  /// The row of a stream, if it is time to put it again.
  package func row(_ stream: String) -> Item? {
    if let last = putAt[Array(stream.utf8)], clock.seconds - last < Self.renewalSeconds { return nil }
    return item(stream)
  }

  /// The row was put.
  package mutating func notePut(_ stream: String) {
    if putAt.count >= Self.rememberedStreams { putAt.removeAll() }
    putAt[Array(stream.utf8)] = clock.seconds
  }

  /// Keeps the sweep looking at a stream that still has something to send.
  package func renew(_ stream: String) throws(TableError) { try table.put(item(stream), if: .always) }

  /// All of them.
  package func streams() throws(TableError) -> [String] {
    var names: [String] = []
    for shard in 0..<shards {
      var query = Query(Keys.openStreams(shard: shard))
      repeat {
        let page = try table.query(query)
        names += page.items.compactMap { $0.string("stream") }
        query.after = page.next
      } while query.after != nil
    }
    return names
  }

  private func item(_ stream: String) -> Item {
    Item(
      Keys.openStream(stream, shards: shards), ["v": .number(1), "stream": .string(stream)],
      expires: clock.seconds + Self.keptSeconds)
  }
}
