/// Writes bytes with their length before them.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  init(reservingBytes capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func byte(_ byte: UInt8) { bytes.append(byte) }

  mutating func field(_ field: [UInt8]) {
    length(field.count)
    bytes.append(contentsOf: field)
  }

  mutating func text(_ text: String) {
    length(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  /// Seven bits a byte, the lowest first; the highest bit says that more follow.
  private mutating func length(_ count: Int) {
    var rest = UInt(count)
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// Reads what a `FieldWriter` wrote; nil wherever the bytes say something impossible.
struct FieldReader {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  mutating func byte() -> UInt8? {
    guard offset < bytes.count else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func field() -> ArraySlice<UInt8>? {
    guard let count = length(), count <= bytes.count - offset else { return nil }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  mutating func text() -> String? { field().map { String(decoding: $0, as: UTF8.self) } }

  private mutating func length() -> Int? {
    var value = 0
    for shift in stride(from: 0, to: 35, by: 7) {
      guard let next = byte() else { return nil }
      value |= Int(next & 0x7F) << shift
      if next & 0x80 == 0 { return value }
    }
    return nil
  }
}
