import JSON
import StreamClient
import Telemetry
import TestSupport
import Testing

@Suite("frames changed by chance")
struct HostileFrameTests {
  @Test("whatever comes, what is shown is JSON and in order, and the client lives on")
  func mutations() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    let frames = try Vector.all().flatMap(\.steps).compactMap { step -> [UInt8]? in
      if case .handled(.frame(let frame)) = step.input { frame } else { nil }
    }
    var options = Follower.Options()
    options.joinedBytes = 20_000
    options.bufferedEvents = 20
    options.streams = 10_000
    var follower = Follower(options, randomness: Randomness { seed })
    var positions: [[UInt8]: Int64] = [:]
    for moment in Int64(1)...40_000 {
      let frame = Self.changed(frames.randomElement(using: &generator) ?? [], &generator)
      for output in follower.handle(.frame(frame), at: moment) {
        try Self.check(output, &positions, "seed \(seed), \(text(frame).prefix(300))")
        if case .stop = output {
          follower = Follower(options, randomness: Randomness { seed })
          positions = [:]
        }
      }
      // It waits for something whenever there is a connection.
      if follower.nextMoment == nil { _ = follower.handle(.connected, at: moment) }
    }
  }

  private static func check(
    _ output: Follower.Output, _ positions: inout [[UInt8]: Int64], _ label: String
  ) throws {
    switch output {
    case .show(let event):
      try JSONReader.validate(event.bytes)
      guard let stream = event.stream.map(bytes), let sequence = event.sequence else { return }
      #expect(sequence > positions[stream] ?? 0, "\(label)")
      positions[stream] = sequence
    case .snapshot(let snapshot): positions[bytes(snapshot.stream)] = nil
    // It may say that a stream was begun anew.
    case .notice(let frame): if text(frame).contains("epoch") { positions = [:] }
    default: break
    }
  }

  /// One frame in three as it is, the others with some bytes or numbers changed.
  private static func changed(_ frame: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var frame = frame
    guard !frame.isEmpty else { return frame }
    switch Int.random(in: 0..<3, using: &generator) {
    case 0: break
    case 1:
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        frame[Int.random(in: frame.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
    default:
      for position in frame.indices where (0x30...0x39).contains(frame[position]) {
        if Bool.random(using: &generator) { frame[position] = UInt8.random(in: 0x30...0x39, using: &generator) }
      }
    }
    return frame
  }
}
