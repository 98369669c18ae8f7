/// The events of one publish in one stream: the sequences of the first and the last.
struct AppendedRange: Equatable {
  let stream: String
  fileprivate(set) var first: Int64
  fileprivate(set) var last: Int64
  fileprivate(set) var count = 0
}

/// The streams that hold events of a publish, in the order of their first one.
struct TouchedStreams {
  private(set) var appended: [AppendedRange] = []
  private var indices: [[UInt8]: Int] = [:]

  mutating func add(stream: String, sequence: Int64) {
    let name = Array(stream.utf8)
    let index = indices[name] ?? appended.count
    if index == appended.count {
      indices[name] = index
      appended.append(AppendedRange(stream: stream, first: sequence, last: sequence))
    }
    appended[index].first = min(appended[index].first, sequence)
    appended[index].last = max(appended[index].last, sequence)
    appended[index].count += 1
  }

  var names: [String] { appended.map(\.stream) }

  /// The last event of each.
  var through: [[UInt8]: Int64] { indices.mapValues { appended[$0].last } }

  func count(stream: String) -> Int { indices[Array(stream.utf8)].map { appended[$0].count } ?? 0 }
}
