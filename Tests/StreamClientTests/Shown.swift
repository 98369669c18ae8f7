import StreamClient

/// What a client showed, and what is wrong with it.
struct Shown {
  private var ids: Set<String> = []
  private var newest: [String: Int64] = [:]
  /// The number of the newest event that a snapshot told of.
  private var snapshots: [String: Int64] = [:]
  private var gaps: [(stream: String, range: ClosedRange<Int64>)] = []
  private(set) var faults: [String] = []

  mutating func show(_ event: Follower.Event) {
    guard let id = try? Members(event.bytes[...]).string("id"), let sequence = event.sequence
    else { return faults.append("shown without a place: \(event)") }
    if !ids.insert(id).inserted { faults.append("\(id) was shown twice") }
    let log = String(id[..<(id.lastIndex(of: "-") ?? id.startIndex)])
    if sequence <= newest[log] ?? 0 { faults.append("\(id) came after \(newest[log] ?? 0)") }
    if sequence <= snapshots[log] ?? 0 { faults.append("\(id) came after a snapshot up to \(snapshots[log] ?? 0)") }
    newest[log] = sequence
  }

  mutating func record(_ snapshot: Follower.Snapshot, in streams: [ModelServer.Stream]) {
    guard snapshot.isLast, let stream = streams.first(where: { $0.name == snapshot.stream }) else { return }
    snapshots["\(stream.name)-\(stream.epoch)"] = snapshot.sequence
  }

  /// `missed` is what the server answered to the last hello.
  mutating func record(_ gap: Follower.Gap, _ missed: [(stream: String, range: ClosedRange<Int64>)]) {
    for stream in gap.streams {
      let range = missed.first { $0.stream == stream.stream && Int64($0.range.count) == stream.missed }
      guard let range else {
        faults.append("a gap of \(String(describing: stream.missed)) in \(stream.stream) that is none")
        continue
      }
      gaps.append(range)
    }
  }

  /// The events of the log's last epoch that were neither shown nor covered.
  func missing(in stream: ModelServer.Stream) -> [String] {
    let log = "\(stream.name)-\(stream.epoch)"
    return stream.history.filter { event in
      let isCovered = stream.history.contains {
        $0.key != nil && $0.key == event.key && $0.sequence > event.sequence && ids.contains($0.id)
      }
      let isInGap = gaps.contains { $0.stream == stream.name && $0.range.contains(event.sequence) }
      return !(ids.contains(event.id) || isCovered || event.sequence <= snapshots[log] ?? 0 || isInGap)
    }.map { "\($0.id) was never shown" }
  }
}
