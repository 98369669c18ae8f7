import Messaging
import TestSupport
import Testing

@testable import EventLog

@Suite("the parts of an append")
struct AppendBatchTests {
  private func events(_ random: inout SeededGenerator) -> [Event] {
    let largest = [10, 600, 96 * 1024].randomElement(using: &random) ?? 10
    let count = Int.random(in: 0...(largest > 1_000 ? 60 : 1_500), using: &random)
    let keyed = Int.random(in: 0...2, using: &random)
    return (0..<count).map { number in
      let size = Int.random(in: 1...largest, using: &random)
      let hasKey = keyed == 2 || keyed == 1 && Bool.random(using: &random)
      return Event(
        type: "t", key: "k", data: [UInt8](repeating: UInt8(ascii: "1"), count: size), id: "1-\(number)", timestamp: "",
        // Some twice.
        idempotencyKey: hasKey ? "i\(number / Int.random(in: 1...2, using: &random))" : nil)
    }
  }

  @Test(
    "of any events are within the bounds of one transaction, and hold each event once, in order",
    arguments: 0..<60 as Range<UInt64>)
  func parts(seed: UInt64) {
    var random = SeededGenerator(seed)
    let events = events(&random)
    var batch = AppendBatch(events)
    var indices: [Int] = []
    var parts = 0
    while case let part = batch.nextPart(), !part.isEmpty {
      parts += 1
      #expect(part.count <= StreamLog.segmentEvents, "seed \(seed)")
      #expect(part.count { $0.claim != nil } <= StreamLog.claimsPerAppend, "seed \(seed)")
      let bytes = part.reduce(0) { $0 + EventBlock.bound(of: $1.event) }
      #expect(bytes <= StreamLog.segmentBytes, "seed \(seed)")
      #expect(EventBlock.encode(part.map(\.event)).count <= bytes + 1, "seed \(seed)")
      for entry in part {
        #expect(entry.event == events[entry.index], "seed \(seed)")
        batch.record(entry, outcome: .appended(sequence: Int64(indices.count + 1)))
        indices.append(entry.index)
      }
    }
    #expect(indices == indices.sorted() && Set(indices).count == indices.count, "seed \(seed)")
    let outcomes = batch.finished()
    #expect(outcomes.count == events.count, "seed \(seed)")
    // Every event that stands for itself is appended; the others name the one with their key, or are refused.
    var sequences: [String: Int64] = [:]
    for (index, outcome) in outcomes.enumerated() {
      switch outcome {
      case .appended(let sequence), .appendedDespiteKey(let sequence):
        #expect(indices[Int(sequence) - 1] == index, "seed \(seed)")
        if let key = events[index].idempotencyKey { sequences[key] = sequence }
      case .known(let sequence):
        #expect(events[index].idempotencyKey.flatMap { sequences[$0] } == sequence, "seed \(seed)")
      case .refused: #expect(events[index].idempotencyKey.map { sequences[$0] != nil } == true, "seed \(seed)")
      }
    }
    // No more parts than the bounds ask for: two that follow each other would not be one.
    let keys = Set(events.compactMap(\.idempotencyKey)).count
    let bytes = events.reduce(0) { $0 + EventBlock.bound(of: $1) }
    let most = 2 * (bytes / StreamLog.segmentBytes + keys / StreamLog.claimsPerAppend + events.count / 512) + 3
    #expect(parts <= most, "seed \(seed): \(parts) parts")
  }
}
