package import Messaging

/// Over which of several partitions rows are spread: a DynamoDB partition takes 1,000 writes a second.
package enum Shard {
  /// What `LISTENER_SHARDS` may be at most.
  package static let maximum = 256

  package static func index(of id: ConnectionID, count: Int) -> Int { index(ofText: id.text, count: count) }

  package static func index(ofText text: String, count: Int) -> Int {
    guard count > 1 else { return 0 }
    // FNV-1a: the same in every process and release, unlike Swift's own hashing.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Int((hash ^ hash >> 32) % UInt64(count))
  }
}
