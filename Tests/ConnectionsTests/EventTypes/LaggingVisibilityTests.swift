import ConnectionStore
import Connections
import Delivery
import EventLog
import Frames
import JSON
import Messaging
import Telemetry
import TestSupport
import Testing

/// The paths of `VisibilityTests` read; on these frames are posted: by a round, and by the lag sender to those that did not take
/// them.
@Suite("what a connection that lags may see")
struct LaggingVisibilityTests {
  @Test(
    "a round posts what a connection may see, and who refuses it gets the same from the lag sender, in order, and nothing else",
    arguments: 1...40)
  func lagging(seed: UInt64) throws {
    var situation = Situation(seed: seed)
    try situation.connect(8)
    let world = situation.world
    let events = (0..<40).map { number in
      var event = situation.event(number)
      // So that none stands for another.
      event.priority = .high
      return event
    }
    let streams = try append(events, world)
    let wire = Refusing()
    var limits = StreamLimits()
    limits.framesPerSecond = 0
    let sender = StreamSender(
      table: world.table, types: .standard, sender: wire, limits: limits, log: Log(minimum: .fatal),
      clock: world.clock.clock)
    wire.isRefusing = true
    for stream in streams { _ = sender.send(stream: stream, deadlineMilliseconds: deadline(world)) }
    let posted = wire.take()
    wire.isRefusing = false
    for stream in streams { _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline(world)) }
    let lagging = wire.take()
    for id in situation.principals.keys.sorted() {
      let mine = events.filter { !situation.names(of: $0, for: id).isEmpty }
      for (path, frames) in [("round", posted[id] ?? []), ("lag", lagging[id] ?? [])] {
        let said: Comment = "seed \(seed), connection \(id), by the \(path)"
        #expect(Set(frames.map(\.event)) == Set(mine.map(\.id)), said)
        for stream in streams {
          let expected = mine.filter { $0.stream.utf8.elementsEqual(stream.utf8) }.map(\.id)
          #expect(frames.map(\.event).filter(expected.contains) == expected, said)
        }
        for frame in frames {
          guard let event = events.first(where: { $0.id == frame.event }) else { continue }
          #expect(situation.names(of: event, for: id).contains { $0.utf8.elementsEqual(frame.shownAs.utf8) }, said)
        }
      }
    }
  }

  private func deadline(_ world: World) -> Int64 { world.clock.clock.milliseconds() + 30_000 }

  /// By bytes: two spellings of one name are two people.
  private func append(_ events: [Event], _ world: World) throws -> [String] {
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    var streams: [String] = []
    for event in events {
      _ = try log.append([event], to: event.stream)
      if !streams.contains(where: { $0.hasSameBytes(as: event.stream) }) { streams.append(event.stream) }
    }
    return streams
  }
}

/// Takes every frame down, and refuses it as long as that is so.
private final class Refusing: FrameSender {
  var isRefusing = false
  private var frames: [String: [(event: String, shownAs: String)]] = [:]

  func take() -> [String: [(event: String, shownAs: String)]] {
    defer { frames = [:] }
    return frames
  }

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var counts = DeliveryCounts()
    var failures: [DeliveryFailure] = []
    while let page = {
      defer { failures = [] }
      return nextPage(failures)
    }() {
      for listener in page {
        frames[listener.id.text, default: []] += listener.frames.map { frame in
          let text = String(decoding: frame.bytes, as: UTF8.self)
          return (Self.member("id", of: text), Self.member("type", of: text))
        }
        counts.deliveries += listener.frames.count
        if isRefusing { failures.append(DeliveryFailure(.refused(status: 429), of: listener)) }
      }
    }
    return DeliveryResult(counts: counts, failures: failures)
  }

  private static func member(_ name: String, of frame: String) -> String {
    var reader = JSONReader(Array(frame.utf8))
    guard (try? reader.beginObject()) != nil else { return "" }
    while let member = try? reader.nextKey() {
      if member == name { return (try? reader.string()) ?? "" }
      guard (try? reader.skip()) != nil else { break }
    }
    return ""
  }
}
