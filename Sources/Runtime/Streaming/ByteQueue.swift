/// Bytes that wait to be sent, taken from the front in pieces of any size.
struct ByteQueue {
  private var bytes: [UInt8] = []
  private var taken = 0

  var count: Int { bytes.count - taken }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: some Collection<UInt8>) {
    compact()
    bytes.append(contentsOf: more)
  }

  /// Lets `body` write at the end.
  mutating func append(_ body: (inout [UInt8]) -> Void) {
    compact()
    body(&bytes)
  }

  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[taken...])) }
  }

  mutating func remove(_ count: Int) {
    taken += count
    guard isEmpty else { return }
    // Of a thousand streams hardly one has something waiting: none keeps a large buffer.
    bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 10)
    taken = 0
  }

  private mutating func compact() {
    guard taken > bytes.count / 2 else { return }
    bytes.removeFirst(taken)
    taken = 0
  }
}
