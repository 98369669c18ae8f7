package import ConnectionStore
package import Connections
package import Telemetry

/// The streams that had an append lately: the sweep looks at these for events that a killed sender left unsent.
///
/// A stream's row goes with the append itself, so nothing can be in the log that the sweep does not hear of; an
/// environment that put the row a moment ago leaves it out.
package struct ActiveStreams {
  let table: any Table
  let shards: Int
  let clock: Clock
  /// When this environment put the row of a stream last, in seconds since the epoch.
  private var putAt: [[UInt8]: Int64] = [:]

  private let keptSeconds: Int64
  /// A stream with nothing to send stays listed for so long: an environment that left its row out of an append put the row, or
  /// met it, more recently than that.
  static let watchedSeconds: Int64 = 10 * 60
  static let renewalSeconds: Int64 = 3 * 60
  /// Bounds what an environment remembers.
  static let rememberedStreams = 4_096

  package init(
    table: any Table, shards: Int = 1, limits: StreamLimits = StreamLimits(), clock: Clock = .system
  ) {
    keptSeconds = ActiveStreamRow.keptSeconds(limits)
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
  package mutating func recordPut(stream: String) {
    if putAt.count >= Self.rememberedStreams { putAt.removeAll() }
    putAt[Array(stream.utf8)] = clock.seconds
  }

  /// Keeps a stream listed that still has something to send.
  package func renew(stream: String) throws(TableError) { try table.put(item(stream: stream), if: .always) }

  /// A stream that had an append, and when its row was put, in seconds since the epoch.
  package struct Entry: Equatable, Sendable {
    package let stream: String
    let key: ItemKey
    let at: Int64
  }

  /// All of them.
  package func all() throws(TableError) -> [Entry] {
    var rows: [Entry] = []
    for shard in 0..<shards {
      rows += try table.items(of: Query(partition: ActiveStreamRow.partition(shard: shard))).compactMap(Entry.init)
    }
    return rows
  }

  /// Removes the rows of those of these streams that had no append for long; they have nothing to send.
  package func removeIdle(_ rows: [Entry]) throws(TableError) {
    for row in rows where row.at < clock.seconds - Self.watchedSeconds {
      do {
        try table.delete(row.key, if: ActiveStreamRow.isAsRead(row))
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
    }
  }

  /// Work on a stream that no process is doing.
  package struct PendingWork: Equatable, Sendable {
    /// The log holds unsent events, or a connection lags and is ready for a round.
    package var isPending = false
    /// A slow connection is due, and no lag sender has the lease.
    package var isLagDue = false
    /// No connection lags in it.
    package var isCaughtUp = true
  }

  /// The pending work of each of the streams; none for a stream whose lease a process has.
  package func pendingWork(of streams: [String]) throws(TableError) -> [PendingWork] {
    let heads = try table.pages(of: streams.map { LogHeadRow.query(stream: $0) })
    let checkpoints = try table.pages(of: streams.map { Query(partition: CheckpointRow.partition(stream: $0)) })
    var works = streams.map { _ in PendingWork() }
    var sent: [(index: Int, epoch: String, hasLagSender: Bool)] = []
    let now = clock.milliseconds()
    for index in streams.indices {
      guard let head = heads[index].items.first.flatMap(LogHead.init) else { continue }
      let checkpoint = checkpoints[index].items.first { $0.key.sort == CheckpointRow.sort }.map {
        CheckpointRow.checkpoint($0, at: now)
      }
      if checkpoint?.isLeased == true { continue }
      if checkpoint?.epoch != head.epoch || checkpoint?.deliveredThrough ?? 0 < head.last {
        // The sender reads the lag rows itself.
        works[index].isPending = true
        continue
      }
      let lease = checkpoints[index].items.first { $0.key.sort == LagLeaseRow.sort }
      sent.append((index, head.epoch, LagLeases.term.isLeased(lease, at: now)))
    }
    let lagging = try table.pages(
      of: sent.map { Query(partition: LagRow.partition(stream: streams[$0.index]), limit: 100) })
    for ((index, epoch, hasLagSender), page) in zip(sent, lagging) {
      let rows = page.items.compactMap(LaggingConnection.init).filter { $0.isOf(epoch) }
      // The sender reads the rows that this page left out.
      works[index].isPending = page.next != nil || rows.contains { !$0.isSlow }
      works[index].isLagDue = !hasLagSender && rows.contains { $0.isSlow && $0.dueAtMilliseconds <= now }
      works[index].isCaughtUp = rows.isEmpty && page.next == nil
    }
    return works
  }

  private func item(stream: String) -> Item {
    ActiveStreamRow.item(
      stream: stream, shards: shards, atSeconds: clock.seconds, expires: clock.seconds + keptSeconds)
  }
}
