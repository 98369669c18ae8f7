import Messaging

/// Says quickly of most connections that they are not among a few; a counting Bloom filter of one hash.
///
/// A set of the ids themselves costs more than all else that is decided about a delivery.
struct IDFilter {
  /// Where an id is counted.
  struct Place { fileprivate let index: Int }

  private static let size = 8_192
  private var counts = [UInt16](repeating: 0, count: Self.size)

  /// FNV-1a over the id's bytes.
  static func place(of id: ConnectionID) -> Place {
    let hash = id.text.utf8.withContiguousStorageIfAvailable { bytes in
      var hash: UInt32 = 2_166_136_261
      for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
      return hash ^ hash >> 16
    }
    return Place(index: Int(hash ?? 0) & (size - 1))
  }

  /// False: certainly not.
  func mayContain(_ place: Place) -> Bool { counts[place.index] > 0 }

  mutating func insert(_ place: Place) { counts[place.index] += 1 }

  mutating func remove(_ place: Place) { counts[place.index] -= 1 }
}
