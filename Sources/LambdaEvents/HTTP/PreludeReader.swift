/// Finds the end of a prelude in the chunks of a streamed answer as they arrive.
///
///     var reader = PreludeReader()
///     switch reader.consume(chunk) {
///     case .incomplete: …                       // more has to come
///     case .whole(let prelude, let body): …     // the JSON, and what stood behind the eight NULs
///     case .tooLarge: …                         // the client gets a 500
///     }
package struct PreludeReader {
  package static let delimiter = [UInt8](repeating: 0, count: 8)
  /// The eight NULs must begin within so many bytes.
  package static let maximumBytes = 16 << 10

  private var bytes: [UInt8] = []
  /// NULs at the end of `bytes`.
  private var nulls = 0

  package enum Progress: Equatable {
    case incomplete
    case whole(prelude: [UInt8], body: ArraySlice<UInt8>)
    case tooLarge
  }

  package init() {}

  package mutating func consume(_ chunk: ArraySlice<UInt8>) -> Progress {
    for index in chunk.indices {
      bytes.append(chunk[index])
      nulls = chunk[index] == 0 ? nulls + 1 : 0
      if nulls == Self.delimiter.count {
        return .whole(prelude: Array(bytes.dropLast(nulls)), body: chunk[(index + 1)...])
      }
      if bytes.count >= Self.maximumBytes + Self.delimiter.count { return .tooLarge }
    }
    return .incomplete
  }

  package mutating func consume(_ chunk: [UInt8]) -> Progress { consume(chunk[...]) }
}
