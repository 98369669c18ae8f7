/// The newest event of each stream that a client had.
///
/// Streams are told apart by their bytes: what Swift takes for equal strings may be two streams.
struct StreamPositions {
  enum Step {
    case new
    case known
    /// The stream is one more than places are kept for.
    case unplaced
  }

  private let maximumStreams: Int
  private var sequences: [[UInt8]: Int64] = [:]

  init(_ seen: [String: Int64], maximumStreams: Int) {
    self.maximumStreams = maximumStreams
    for (stream, sequence) in seen.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      set(stream: Array(stream.utf8), to: sequence)
    }
  }

  var seen: [String: Int64] {
    [String: Int64](
      sequences.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }, uniquingKeysWith: { min($0, $1) })
  }

  subscript(_ stream: [UInt8]) -> Int64? { sequences[stream] }

  /// Whether the event is new; the place moves on if it is.
  mutating func advance(stream: [UInt8], to sequence: Int64) -> Step {
    if let last = sequences[stream], sequence <= last { return .known }
    return set(stream: stream, to: sequence) ? .new : .unplaced
  }

  /// Also back; false if there is no room.
  @discardableResult
  mutating func set(stream: [UInt8], to sequence: Int64) -> Bool {
    guard sequences[stream] != nil || sequences.count < maximumStreams else { return false }
    sequences[stream] = sequence
    return true
  }

  mutating func forget(stream: [UInt8]) { sequences[stream] = nil }

  mutating func forgetAll() { sequences = [:] }
}
