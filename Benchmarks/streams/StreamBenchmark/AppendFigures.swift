import EventLog
import Messaging
import TableBackends

/// What an event costs until it stands in the log: on disk, each append one transaction.
struct AppendFigures {
  private let path: String
  private let events: [Event]
  private let batch: Int

  init(path: String, events count: Int, batch: Int, bytes: Int, hasKeys: Bool) throws {
    self.path = path
    self.batch = batch
    events = (0..<count).map { number in
      var event = Sample.event(number, keys: 500, bytes: bytes)
      if hasKeys { event.idempotencyKey = "publisher-1/\(number)" }
      return event
    }
  }

  func run() throws {
    var log = StreamLog(table: try SQLiteTable(path: path))
    // The file, its tables and the stream's head.
    _ = try log.append([Sample.event(0, keys: 1)], to: Sample.stream)
    let watch = Stopwatch()
    var appended = 0
    for start in stride(from: 0, to: events.count, by: batch) {
      appended += try log.append(Array(events[start..<min(start + batch, events.count)]), to: Sample.stream).count
    }
    let (wall, cpu) = (watch.wallMicroseconds, watch.cpuMicroseconds)
    let head = try log.head(stream: Sample.stream)
    guard appended == events.count, head?.last == Int64(events.count + 1) else {
      throw Unsound(what: "\(appended) of \(events.count) appended")
    }
    report([
      "what": events.first?.idempotencyKey == nil ? "append" : "append, keys", "events": events.count, "batch": batch,
      "per_s": (Double(events.count) * 1e6 / wall).rounded2,
      "wall_us": (wall / Double(events.count)).rounded2, "cpu_us": (cpu / Double(events.count)).rounded2,
    ])
  }
}

struct Unsound: Error {
  let what: String
}
