import Messaging

/// Says quickly of most connections that they are not among a few; a counting Bloom filter of one hash.
///
/// A set of the ids themselves costs more than all else that is decided about a delivery.
struct IDFilter {
  /// Where an id is counted.
  struct Slot { fileprivate let index: Int }

  private static let size = 8_192
  private var counts = [UInt16](repeating: 0, count: Self.size)

  /// FNV-1a over the id's bytes.
  static func slot(of id: ConnectionID) -> Slot {
    let hash = id.text.utf8.withContiguousStorageIfAvailable { bytes in
      var hash: UInt32 = 2_166_136_261
      for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
      return hash ^ hash >> 16
    }
    return Slot(index: Int(hash ?? 0) & (size - 1))
  }

  /// False: certainly not.
  func mayContain(_ slot: Slot) -> Bool { counts[slot.index] > 0 }

  mutating func insert(_ slot: Slot) { counts[slot.index] += 1 }

  mutating func remove(_ slot: Slot) { counts[slot.index] -= 1 }
}
