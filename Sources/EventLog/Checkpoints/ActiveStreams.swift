package import ConnectionStore
package import Connections
package import Telemetry

/// The streams that had an append lately: where the sweep looks for what a killed sender left.
///
/// A stream's row goes with the append itself, so nothing can be in the log that the sweep does not hear of; an
/// environment that put the row a moment ago leaves it out.
package struct ActiveStreams {
  let table: any Table
  let shards: Int
  let clock: Clock
  /// When this environment put the row of a stream last, in seconds since the epoch.
  private var putAt: [[UInt8]: Int64] = [:]

  /// Longer than the log may hold what was not sent: however long no sweep came, the next one finds it.
  private let keptSeconds: Int64
  /// A stream with nothing left is looked at for as long: whoever left its row out of an append put it, or met it, not
  /// so long ago.
  static let watchedSeconds: Int64 = 10 * 60
  static let renewalSeconds: Int64 = 3 * 60
  /// Bounds what an environment remembers.
  static let rememberedStreams = 4_096

  package init(
    table: any Table, shards: Int = 1, limits: StreamLimits = StreamLimits(), clock: Clock = .system
  ) {
    keptSeconds = limits.logSeconds + 2 * 60 * 60
    self.table = table
    self.shards = shards
    self.clock = clock
  }

  /// The row of a stream, if it is time to put it again.
  package func row(stream: String) -> Item? {
    if let last = putAt[Array(stream.utf8)], clock.seconds - last < Self.renewalSeconds { return nil }
    return item(stream: stream)
  }

  /// The row was put.
  package mutating func notePut(stream: String) {
    if putAt.count >= Self.rememberedStreams { putAt.removeAll() }
    putAt[Array(stream.utf8)] = clock.seconds
  }

  /// Keeps the sweep looking at a stream that still has something to send.
  package func renew(stream: String) throws(TableError) { try table.put(item(stream: stream), if: .always) }

  /// A stream that had an append, and when that was told, in seconds since the epoch.
  package struct Open: Equatable, Sendable {
    package let stream: String
    let key: ItemKey
    let at: Int64

    /// Nil for a row that this release does not understand.
    fileprivate init?(_ item: Item) {
      guard let stream = item.string("stream") else { return nil }
      self.stream = stream
      key = item.key
      at = item.number("at") ?? .max
    }
  }

  /// All of them.
  package func all() throws(TableError) -> [Open] {
    var rows: [Open] = []
    for shard in 0..<shards {
      rows += try table.items(of: Query(partition: Keys.activeStreams(shard: shard))).compactMap(Open.init)
    }
    return rows
  }

  /// Looks no more at those of these streams that had no append for long; they have nothing left.
  package func close(_ rows: [Open]) throws(TableError) {
    for row in rows where row.at < clock.seconds - Self.watchedSeconds {
      do {
        try table.delete(row.key, if: .equals("at", .number(row.at)))
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
    }
  }

  /// What of a stream is left to be done while nobody does it.
  package struct Rest: Equatable, Sendable {
    /// It has something to send, or somebody who lags and is not slow.
    package var isPending = false
    /// A slow connection is due, and no lag sender is at it.
    package var isLagDue = false
    /// Nobody lags in it.
    package var isWhole = true
  }

  /// Of each of the streams; nothing of one whose lease is held.
  package func rest(of streams: [String]) throws(TableError) -> [Rest] {
    let heads = try table.pages(of: streams.map { Query(partition: Keys.log(stream: $0), sort: .between("!", "!")) })
    let marks = try table.pages(of: streams.map { Query(partition: Keys.mark(stream: $0).partition) })
    var rests = streams.map { _ in Rest() }
    var sent: [(place: Int, epoch: String, hasLagSender: Bool)] = []
    let now = clock.milliseconds()
    for place in streams.indices {
      guard let head = heads[place].items.first.flatMap(LogHead.init) else { continue }
      let mark = marks[place].items.first { $0.key.sort == "0" }.map { Checkpoints.standing($0, at: now) }
      if mark?.isHeld == true { continue }
      if mark?.epoch != head.epoch || mark?.deliveredThrough ?? 0 < head.last {
        // Whoever sends it looks who lags.
        rests[place].isPending = true
        continue
      }
      let lease = marks[place].items.first { $0.key.sort == "lag" }
      sent.append((place, head.epoch, LagLeases.isHeld(lease, at: now)))
    }
    let behind = try table.pages(of: sent.map { Query(partition: Keys.behind(stream: streams[$0.place]), limit: 100) })
    for ((place, epoch, hasLagSender), page) in zip(sent, behind) {
      let rows = page.items.compactMap(LaggingConnection.init).filter { $0.isOf(epoch) }
      // Whoever sends it reads the rows that this page left out.
      rests[place].isPending = page.next != nil || rows.contains { !$0.isSlow }
      rests[place].isLagDue = !hasLagSender && rows.contains { $0.isSlow && $0.dueAtMilliseconds <= now }
      rests[place].isWhole = rows.isEmpty && page.next == nil
    }
    return rests
  }

  private func item(stream: String) -> Item {
    Item(
      key: Keys.openStream(stream: stream, shards: shards),
      attributes: ["v": .number(1), "stream": .string(stream), "at": .number(clock.seconds)],
      expires: clock.seconds + keptSeconds)
  }
}
