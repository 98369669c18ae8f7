package import ConnectionStore
package import Messaging
package import Telemetry

/// The connections and what they listen to.
///
/// Lambda runs the invocations of one connection side by side and in any order. So every change is one transaction on
/// the condition that the connection's row is as it was read; a connection that leaves turns its row into a tombstone
/// first, which a late connect or subscribe runs into; and each subscription keeps the order of its last change.
package struct Connections {
  let table: any Table
  let clock: Clock
  let randomness: Randomness
  /// Over how many partitions the listeners of one topic are spread. Must be the same wherever the table is used.
  package let shards: Int
  package let limits: StreamLimits

  /// DynamoDB's limit on one transaction.
  static let transactionItems = 100
  /// Each failed attempt means that another change of this same connection was done.
  static let attempts = 64

  package init(
    table: any Table, shards: Int = 1, limits: StreamLimits = StreamLimits(), clock: Clock = .system,
    randomness: Randomness = .system
  ) {
    self.table = table
    self.shards = shards
    self.limits = limits
    self.clock = clock
    self.randomness = randomness
  }

  package enum ConnectOutcome: Equatable, Sendable {
    case connected
    /// Its disconnect was handled before: nothing was written.
    case alreadyGone
    case tooManySubscriptions(Int)
  }

  package enum ChangeOutcome: Equatable, Sendable {
    /// The connection as it is now; the change itself may have come too late to count.
    case changed(ConnectionRecord)
    /// It changes things faster than it may; nothing was changed.
    case tooFast
    case unknownConnection
    /// How many there would be; nothing was changed.
    case tooManySubscriptions(Int)
  }

  /// Writes a new connection with its listener rows: one transaction up to 99 rows, and no read. May be
  /// repeated.
  ///
  /// `isPaused`: delivery of some of its streams is paused (the log's `DeliveryPause`), which senders have to heed.
  package func connect(record: ConnectionRecord, isPaused: Bool = false) throws(TableError) -> ConnectOutcome {
    let count = record.subscriptions.active.count
    guard count <= limits.subscriptions else { return .tooManySubscriptions(count) }
    var record = record
    record.expires = clock.seconds + ConnectionRow.lifetimeSeconds
    if isPaused { record.pausedUntilMilliseconds = clock.milliseconds() + ListenerRow.attentionMilliseconds }
    let topics = record.topics
    let first = topics.prefix(Self.transactionItems - 1)
    if try !create(record: record, topics: first) {
      // The row stands: written by this very call, whose answer was lost and which the backend tried again, or by
      // another invocation of the same $connect, since Lambda may invoke more than once. What was subscribed meanwhile
      // stays. Without a live row, or with another connection's, this one has left.
      guard let current = try connection(id: record.id),
        current.connectedAtMilliseconds == record.connectedAtMilliseconds
      else { return .alreadyGone }
      record = current
    }
    return try complete(record: record, topics: topics.dropFirst(first.count)) ? .connected : .alreadyGone
  }

  /// Changes what a connection is subscribed to: one read, one transaction, none if there is nothing to change.
  ///
  /// `makeChange` is told the connection as it stands, for its role; it is asked again whenever another change came
  /// first. How fast changes come is judged by when they were asked for: they are handled when there is time.
  /// `accepting`: what the client says from now on that its frames may look like; its listener rows are told. Whoever
  /// says so asks for an answer of any size, so it counts as a change whether or not it is one. `isPaused`: delivery of
  /// the streams is paused (the log's `DeliveryPause`), which senders have to heed.
  package func change(
    id: ConnectionID, accepting: Accepts? = nil, isPaused: Bool = false,
    _ makeChange: (ConnectionRecord) -> SubscriptionChange
  ) throws(TableError) -> ChangeOutcome {
    for _ in 0..<Self.attempts {
      guard var record = try connection(id: id) else { return .unknownConnection }
      let change = makeChange(record)
      if let refusal = refusal(of: change, for: record) { return refusal }
      // What a first hello brings is told by its cursor.
      if accepting != nil, record.hasSaidHello { record.owe(change) }
      var touched = record.apply(change)
      record.pausedUntilMilliseconds = isPaused ? clock.milliseconds() + ListenerRow.attentionMilliseconds : nil
      let isAcceptingOther = accepting.map { $0 != record.accepts } ?? false
      if let accepting, isAcceptingOther {
        record.accept(accepting)
        touched.formUnion(record.topics)
      }
      if touched.isEmpty, accepting == nil { return .changed(record) }
      guard record.bucket.acquire(limits, nowMilliseconds: change.order.milliseconds) else { return .tooFast }
      if try commit(record: &record, topics: touched.ordered()) { return .changed(record) }
    }
    throw TableError(
      code: .contention, operation: "transact", key: ConnectionRow.key(id: id), detail: "\(Self.attempts) attempts")
  }

  /// Why a change of a connection, as it stands, would not be made; nil: it would be, or there is nothing to change.
  package func refusal(of change: SubscriptionChange, for record: ConnectionRecord) -> ChangeOutcome? {
    var record = record
    let touched = record.apply(change)
    let count = record.subscriptions.active.count
    if count > limits.subscriptions { return .tooManySubscriptions(count) }
    let isInTime = touched.isEmpty || record.bucket.acquire(limits, nowMilliseconds: change.order.milliseconds)
    return isInTime ? nil : .tooFast
  }

  /// The connection's row, or nil if it never was, has left, or expired.
  package func connection(id: ConnectionID) throws(TableError) -> ConnectionRecord? {
    try table.get(ConnectionRow.key(id: id), consistency: .strong).flatMap { item throws(TableError) in
      try record(item, id: id)
    }
  }

  /// The rows of several, read together.
  package func connections(_ ids: [ConnectionID]) throws(TableError) -> [ConnectionRecord?] {
    let items = try table.get(ids.map(ConnectionRow.key))
    var records: [ConnectionRecord?] = []
    for (id, item) in zip(ids, items) {
      records.append(try item.flatMap { item throws(TableError) in try record(item, id: id) })
    }
    return records
  }

  private func record(_ item: Item, id: ConnectionID) throws(TableError) -> ConnectionRecord? {
    guard !ConnectionRow.isTombstone(item) else { return nil }
    guard let record = ConnectionRecord(item, id: id) else {
      throw TableError(
        code: .corrupt, operation: "get", key: item.key,
        detail: "not a connection's row of this release or the one before")
    }
    return record
  }

  /// Who gets the events of a run.
  /// Those after `position`, where an earlier reading of the same run stopped.
  package func listeners(
    of run: EventBatch, types: EventTypeTable, pageSize: Int = 500, after position: ListenerPosition? = nil
  ) -> RecipientReader {
    RecipientReader(run, table: table, types: types, shards: shards, pageSize: pageSize, after: position)
  }

  // MARK: Writing

  /// False if a row of that connection stands.
  private func create(record: ConnectionRecord, topics: ArraySlice<Topic>) throws(TableError) -> Bool {
    let item = ConnectionRow.item(record, writer: randomness.hexadecimal(), shards: shards)
    do {
      try table.transact([.put(item, if: .absent)] + topics.map { listenerWrite($0, of: record) })
      return true
    } catch {
      switch error.code {
      case .conditionFailed, .transactionFailed: return false
      default: throw error
      }
    }
  }

  /// One transaction: the row, if no process changed it since it was read, with the listener rows of `topics`. False if
  /// one did.
  func commit(record: inout ConnectionRecord, topics: [Topic]) throws(TableError) -> Bool {
    let writer = randomness.hexadecimal()
    let seen = record.revision
    record.revision += 1
    let change = ConnectionRow.change(record, writer: writer)
    let first = topics.prefix(Self.transactionItems - 1)
    let (key, unchanged) = (ConnectionRow.key(id: record.id), ConnectionRow.isUnchanged(revision: seen))
    do {
      if first.isEmpty {
        // Half the price of a transaction.
        try table.update(key, change: change, if: unchanged)
      } else {
        let row = TransactionWrite.update(key, change, if: unchanged)
        try table.transact([row] + first.map { [record] topic in listenerWrite(topic, of: record) })
      }
    } catch {
      switch error.code {
      case .conditionFailed, .transactionFailed: break
      default: throw error
      }
      guard try isWritten(id: record.id, by: writer) else { return false }
    }
    _ = try complete(record: record, topics: topics.dropFirst(first.count))
    return true
  }

  /// Writes the listener rows that did not fit the transaction, as the newest row of the connection wants them. False
  /// if the connection left meanwhile; its disconnect deletes what stands.
  private func complete(record: ConnectionRecord, topics: ArraySlice<Topic>) throws(TableError) -> Bool {
    var record = record
    var rest = topics
    for _ in 0..<Self.attempts {
      guard !rest.isEmpty else { return true }
      let part = rest.prefix(Self.transactionItems - 1)
      let unchanged = TransactionWrite.check(
        ConnectionRow.key(id: record.id), ConnectionRow.isUnchanged(revision: record.revision))
      do {
        try table.transact([unchanged] + part.map { [record] topic in listenerWrite(topic, of: record) })
        rest = rest.dropFirst(part.count)
      } catch {
        guard case .transactionFailed = error.code else { throw error }
        guard let now = try connection(id: record.id) else { return false }
        let pausedUntil = record.pausedUntilMilliseconds
        record = now
        record.pausedUntilMilliseconds = pausedUntil
      }
    }
    throw TableError(
      code: .contention, operation: "transact", key: ConnectionRow.key(id: record.id),
      detail: "\(Self.attempts) attempts")
  }

  private func listenerWrite(_ topic: Topic, of record: ConnectionRecord) -> TransactionWrite {
    let key = ListenerRow.key(topic, id: record.id, shards: shards)
    guard let filter = record.filter(of: topic) else { return .delete(key) }
    return .put(ListenerRow.item(key, of: record, under: topic, filter: filter))
  }

  private func isWritten(id: ConnectionID, by writer: String) throws(TableError) -> Bool {
    ConnectionRow.isWritten(try table.get(ConnectionRow.key(id: id), consistency: .strong), by: writer)
  }
}
