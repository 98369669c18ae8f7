import ConnectionStore
import Connections
import Crypto
import Messaging

/// The row that says to which event of a stream an idempotency key belongs. `Docs/data-model.md`.
struct ClaimRow {
  enum Attribute {
    static let version = "v"
    static let epoch = "epoch"
    static let sequence = "seq"
    static let digest = "digest"
  }

  static let prefix = "k#"
  static let sort = "k"

  /// As long as the segment that holds the event.
  static func keptSeconds(_ limits: StreamLimits) -> Int64 { SegmentRow.keptSeconds(limits) }

  /// A key may be long and hold anything, so its hash stands for it. No stream's name holds a NUL where a key could go
  /// on: the length of the name stands before it.
  static func key(stream: String, name: String) -> ItemKey {
    var bytes = Array("\(stream.utf8.count):\(stream)".utf8)
    bytes.append(contentsOf: name.utf8)
    return ItemKey(partition: "\(prefix)\(SHA256.hash(bytes).hexadecimal)", sort: sort)
  }

  static func item(stream: String, claim: EventClaim, epoch: String, sequence: Int64, expires: Int64) -> Item {
    Item(
      key: key(stream: stream, name: claim.name),
      attributes: [
        Attribute.version: .number(1), Attribute.epoch: .string(epoch), Attribute.sequence: .number(sequence),
        Attribute.digest: .bytes(claim.digest),
      ], expires: expires)
  }

  /// No event of this log has the key: a claim of a log that is no more counts as absent; epochs sort by time.
  static func isFree(in epoch: String) -> Condition { .any([.absent, .less(Attribute.epoch, .string(epoch))]) }

  let epoch: String?
  let sequence: Int64
  let digest: [UInt8]?

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let sequence = item.number(Attribute.sequence) else { return nil }
    epoch = item.string(Attribute.epoch)
    self.sequence = sequence
    digest = item.bytes(Attribute.digest)
  }
}
