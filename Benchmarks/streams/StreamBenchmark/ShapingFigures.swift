import Delivery
import Frames
import Messaging

/// What a round's events cost before any is posted: folded, encoded once, packed into frames.
struct ShapingFigures {
  private let events: [Event]
  private let keys: Int

  init(events count: Int, keys: Int) {
    self.keys = keys
    events = (0..<count).map { Sample.event($0, keys: keys) }
  }

  func run(rounds: Int) {
    var plain: [Double] = []
    var compressed: [Double] = []
    var frames = 0
    var bytes = 0
    for _ in 0..<rounds {
      let watch = Stopwatch()
      let packed = FramePacking.frames(encoded(), cursor: "AQ", accepts: [.batch], name: { "1" })
      plain.append(watch.cpuMicroseconds / Double(events.count))
      (frames, bytes) = (packed.count, packed.reduce(0) { $0 + $1.bytes.count })
    }
    for _ in 0..<max(1, rounds / 10) {
      let shaped = encoded()
      let watch = Stopwatch()
      let packed = FramePacking.frames(shaped, cursor: "AQ", accepts: [.batch, .gzip], name: { "1" })
      compressed.append(watch.cpuMicroseconds / Double(events.count))
      precondition(!packed.isEmpty)
    }
    report([
      "what": "shape", "events": events.count, "keys": keys, "frames": frames, "bytes": bytes,
      "us_an_event": plain.share(0.5).rounded2, "p95_us": plain.share(0.95).rounded2,
      "gzip_us_an_event": compressed.share(0.5).rounded2,
    ])
  }

  private func encoded() -> [[UInt8]] {
    Conflation.conflate(events, isNeverConflated: { $0.priority == .high }).map { kept in
      ServerFrame.event(
        events[kept.index], shownAs: events[kept.index].type, dialect: .typed,
        placement: Placement(sequence: Int64(kept.index + 1), folded: kept.count, first: Int64(kept.first + 1)))
    }
  }
}
