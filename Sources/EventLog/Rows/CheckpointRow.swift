import ConnectionStore
import Connections
import HTTPWire
import Messaging

/// The row of a stream's checkpoint, with the lease of its sender. `Docs/data-model.md`.
enum CheckpointRow {
  enum Attribute {
    static let version = LeaseTerm.Attribute.version
    static let holder = LeaseTerm.Attribute.holder
    static let end = LeaseTerm.Attribute.end
    static let epoch = "epoch"
    static let deliveredThrough = "deliveredThrough"
    static let roundAt = "roundAt"
    static let roundEnd = "roundEnd"
    static let shard = "shard"
    static let after = "after"
    static let waiting = "waiting"
    static let waitingKeys = "waitingKeys"
  }

  static let prefix = "cp#"
  static let sort = "0"
  static let keptSeconds = LeaseTerm.keptSeconds

  /// The checkpoint of a stream and the lease of its lag sender, so that one query reads both.
  static func partition(stream: String) -> String { "\(prefix)\(PercentEncoding.encode(stream))" }

  static func key(stream: String) -> ItemKey { ItemKey(partition: partition(stream: stream), sort: sort) }

  /// The checkpoint alone, for reading several side by side.
  static func query(stream: String) -> Query { Query(partition: partition(stream: stream), sort: .between(sort, sort)) }

  /// The lease's progress, with its end prolonged; nil: released.
  static func change(_ lease: Lease, endMilliseconds: Int64?, expires: Int64) -> Change {
    var change = Change()
    change.expires = .at(expires)
    change.set = [
      Attribute.epoch: .string(lease.epoch), Attribute.deliveredThrough: .number(lease.deliveredThrough),
      Attribute.roundAt: .number(lease.roundAtMilliseconds),
    ]
    if let interruptedRound = lease.interruptedRound {
      change.set[Attribute.roundEnd] = .number(interruptedRound.end)
      change.set[Attribute.shard] = .number(Int64(interruptedRound.position.shard))
      change.set[Attribute.after] = .string(interruptedRound.position.after)
    } else {
      change.remove.formUnion([Attribute.roundEnd, Attribute.shard, Attribute.after])
    }
    set(Attribute.waiting, lease.waiting.events == 0 ? nil : .number(lease.waiting.events), in: &change)
    set(Attribute.waitingKeys, lease.waiting.keys.isEmpty ? nil : .bytes(lease.waiting.encodedKeys), in: &change)
    if let endMilliseconds {
      change.set[Attribute.end] = .number(endMilliseconds)
    } else {
      change.remove.formUnion([Attribute.holder, Attribute.end])
    }
    return change
  }

  private static func set(_ name: String, _ value: Value?, in change: inout Change) {
    if let value { change.set[name] = value } else { change.remove.insert(name) }
  }

  static func checkpoint(_ item: Item, at now: Int64) -> StreamCheckpoint {
    StreamCheckpoint(
      epoch: item.string(Attribute.epoch) ?? "", deliveredThrough: item.number(Attribute.deliveredThrough) ?? 0,
      isLeased: Checkpoints.term.isLeased(item, at: now))
  }

  static func lease(_ item: Item, stream: String, holder: String) -> Lease {
    var lease = Lease(
      stream: stream, holder: holder, endMilliseconds: item.number(Attribute.end) ?? 0,
      epoch: item.string(Attribute.epoch) ?? "", deliveredThrough: item.number(Attribute.deliveredThrough) ?? 0,
      roundAtMilliseconds: item.number(Attribute.roundAt) ?? 0)
    if let end = item.number(Attribute.roundEnd), let shard = item.number(Attribute.shard),
      let after = item.string(Attribute.after)
    {
      lease.interruptedRound = InterruptedRound(end: end, position: ListenerPosition(shard: Int(shard), after: after))
    }
    lease.waiting = WaitingCount(
      events: item.number(Attribute.waiting) ?? 0, encodedKeys: item.bytes(Attribute.waitingKeys) ?? [])
    return lease
  }
}

/// The row of the lease under which a process serves the slow connections of a stream. `Docs/data-model.md`.
enum LagLeaseRow {
  enum Attribute {
    static let version = LeaseTerm.Attribute.version
    static let holder = LeaseTerm.Attribute.holder
    static let end = LeaseTerm.Attribute.end
  }

  static let prefix = CheckpointRow.prefix
  static let sort = "lag"
  static let keptSeconds = LeaseTerm.keptSeconds

  static func key(stream: String) -> ItemKey {
    ItemKey(partition: CheckpointRow.partition(stream: stream), sort: sort)
  }

  /// No process has the lease.
  static func released() -> Change {
    var change = Change()
    change.remove = [Attribute.holder, Attribute.end]
    return change
  }
}
