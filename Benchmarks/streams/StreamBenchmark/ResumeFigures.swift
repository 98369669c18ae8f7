import Connections
import EventLog
import Frames
import Messaging
import TableBackends
import Telemetry

/// What `hello` costs a client that lacks 1,000 events, from the log to the frames; who posts them is not part of it.
struct ResumeFigures {
  private let reader: RecoveryReader
  private let record: ConnectionRecord
  private let cursor: String
  private let segment: Int

  private static let missed = 1_000

  init(path: String, segment: Int) throws {
    self.segment = segment
    let table = try SQLiteTable(path: path)
    var log = StreamLog(table: table)
    _ = try log.append((0..<9_000).map { Sample.event($0, keys: 500) }, to: Sample.stream)
    guard let head = try log.head(stream: Sample.stream), let id = ConnectionID("R0oXAdfD0kwCH6w=") else {
      throw Unsound(what: "no log")
    }
    var place = Cursor()
    place.set(stream: Sample.stream, epoch: head.epoch, to: head.last)
    cursor = place.text
    for start in stride(from: 0, to: Self.missed, by: segment) {
      let events = (start..<min(start + segment, Self.missed)).map { Sample.event($0, keys: 500) }
      _ = try log.append(events, to: Sample.stream)
    }
    let types = try EventTypeTable(environment: .process)
    reader = RecoveryReader(table: table, types: types)
    var subscriptions = Subscriptions()
    let wanted = SubscriptionRequest(names: [Sample.type], keys: []).resolved(for: .admin, types: types).accepted
    _ = subscriptions.apply(
      SubscriptionChange(add: wanted, order: Order(count: nil, milliseconds: 1, messageID: "m")))
    record = ConnectionRecord(
      id: id, principal: Principal(user: "u-1", role: .admin), connectedAtMilliseconds: 1, subscriptions: subscriptions)
  }

  func run(rounds: Int) throws {
    for accepts: Accepts in [[.batch, .parts], [.batch, .parts, .gzip]] {
      var read: [Double] = []
      var whole: [Double] = []
      var frames = 0
      for _ in 0..<rounds {
        let watch = Stopwatch()
        let found = try reader.recover(record: record, cursor: cursor)
        read.append(watch.wallMicroseconds / 1000)
        let packed = framed(found, accepts)
        whole.append(watch.wallMicroseconds / 1000)
        frames = packed
        guard found.parts.last?.events.count == Self.missed, found.missed == 0 else {
          throw Unsound(what: "\(found.parts.map(\.events.count)) events")
        }
      }
      report([
        "what": accepts.contains(.gzip) ? "resume, gzip" : "resume", "missed": Self.missed, "segment": segment,
        "frames": frames,
        "read_ms": read.share(0.5).rounded2, "p50_ms": whole.share(0.5).rounded2, "p95_ms": whole.share(0.95).rounded2,
      ])
    }
  }

  /// As `hello` frames them.
  private func framed(_ found: Recovery, _ accepts: Accepts) -> Int {
    var record = record
    record.accept(accepts)
    return found.parts.reduce(0) { $0 + reader.frames(of: $1, record: record, replay: 1).count }
  }
}
