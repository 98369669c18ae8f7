import Messaging

/// Writes bytes with their length before them.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  init(reservingBytes capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func byte(_ byte: UInt8) { bytes.append(byte) }

  mutating func field(_ field: [UInt8]) {
    Varint.append(UInt64(field.count), to: &bytes)
    bytes.append(contentsOf: field)
  }

  mutating func text(_ text: String) {
    Varint.append(UInt64(text.utf8.count), to: &bytes)
    bytes.append(contentsOf: text.utf8)
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
    guard let count = Varint.read(bytes, offset: &offset).map(Int.init), count <= bytes.count - offset else {
      return nil
    }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  mutating func text() -> String? { field().map { String(decoding: $0, as: UTF8.self) } }
}
