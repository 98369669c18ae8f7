import Crypto
import Messaging

/// Where a client is in every stream it follows, as one opaque word.
///
/// base64url (RFC 4648 section 5, no padding) of: a version byte, then for each stream 6 bytes of SHA-256 over its name
/// and epoch, and the sequence number as a `Varint`. The names do not stand in it: they are matched with the streams the
/// client may follow, so a cursor tells no client of other users' streams.
package struct Cursor: Equatable, Sendable {
  package static let maximumStreams = 64
  package static let maximumBytes = 1024
  private static let version: UInt8 = 1

  private struct Entry: Equatable {
    let fingerprint: UInt64
    var sequence: Int64
  }

  private var entries: [Entry] = []

  package init() {}

  package var isEmpty: Bool { entries.isEmpty }

  /// How many streams it tells of.
  package var count: Int { entries.count }

  /// The sequence number of the last event the client has of a stream in that epoch; nil: the cursor says nothing of
  /// it.
  package func sequence(of stream: String, epoch: String) -> Int64? {
    let fingerprint = Self.fingerprint(stream: stream, epoch: epoch)
    return entries.first { $0.fingerprint == fingerprint }?.sequence
  }

  /// A cursor holds 64 streams; what is beyond them is left out, and its client gets a snapshot of those instead. So is
  /// what makes its text longer than 1 KB, which takes sequence numbers of more than 34 thousand million.
  package mutating func set(stream: String, epoch: String, to sequence: Int64) {
    set(Log(stream: stream, epoch: epoch), to: sequence)
  }

  /// A stream's log by its fingerprint: who says often where it is in the same one makes it once.
  package struct Log: Equatable, Sendable {
    fileprivate let fingerprint: UInt64

    package init(stream: String, epoch: String) {
      fingerprint = Cursor.fingerprint(stream: stream, epoch: epoch)
    }
  }

  package mutating func set(_ log: Log, to sequence: Int64) {
    let fingerprint = log.fingerprint
    if let index = entries.firstIndex(where: { $0.fingerprint == fingerprint }) {
      entries[index].sequence = sequence
    } else if entries.count < Self.maximumStreams {
      entries.append(Entry(fingerprint: fingerprint, sequence: sequence))
    }
  }

  /// 48 bits: two of a client's 64 streams have the same once in a hundred thousand million clients.
  private static func fingerprint(stream: String, epoch: String) -> UInt64 {
    let digest = SHA256.hash(Array("\(stream.utf8.count):\(stream)\(epoch)".utf8))
    return digest.bytes.prefix(6).reduce(0) { $0 << 8 | UInt64($1) }
  }

  // MARK: Text

  package var text: String {
    var bytes = [Self.version]
    for entry in entries {
      let whole = bytes.count
      Self.append(entry, to: &bytes)
      if bytes.count > Self.maximumBytes / 4 * 3 { bytes.removeSubrange(whole...) }
    }
    return Base64URL.encode(bytes)
  }

  private static func append(_ entry: Entry, to bytes: inout [UInt8]) {
    for shift in stride(from: 40, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: entry.fingerprint >> shift))
    }
    Varint.append(UInt64(max(0, entry.sequence)), to: &bytes)
  }

  /// Nil for anything this release did not write: cut short, too long, another version, a stream twice.
  package init?(_ text: String) {
    guard text.utf8.count <= Self.maximumBytes, let bytes = Base64URL.decode(text.utf8), bytes.first == Self.version
    else { return nil }
    var offset = 1
    while offset < bytes.count {
      guard let entry = Self.entry(bytes, offset: &offset), entries.count < Self.maximumStreams,
        !entries.contains(where: { $0.fingerprint == entry.fingerprint })
      else { return nil }
      entries.append(entry)
    }
  }

  private static func entry(_ bytes: [UInt8], offset: inout Int) -> Entry? {
    guard bytes.count - offset >= 7 else { return nil }
    let fingerprint = bytes[offset..<offset + 6].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    offset += 6
    return Varint.read(bytes, offset: &offset).map { Entry(fingerprint: fingerprint, sequence: $0) }
  }
}

extension Cursor {
  /// Whether it tells of a stream, or of a log of a stream, that is none of these.
  package func namesOthers(than streams: [(name: String, epoch: String?)]) -> Bool {
    var known = 0
    for (name, epoch) in streams {
      if let epoch, sequence(of: name, epoch: epoch) != nil { known += 1 }
      if sequence(of: name, epoch: "") != nil { known += 1 }
    }
    return known < count
  }
}
