import Telemetry
import TestSupport
import Testing

@Suite("A queue by moments")
struct DueQueueTests {
  @Test("gives what is due, the earliest first, whatever the order of adding")
  func order() throws {
    let seed = UInt64.random(in: .min ... .max)
    var dice = SeededGenerator(seed)
    var queue = DueQueue()
    var expected: [Int64] = []
    for token in 0..<500 {
      let due = Int64.random(in: 0...100, using: &dice)
      queue.add(token, dueAt: due)
      expected.append(due)
      // Now and then one leaves before all have come.
      if token % 3 == 0, let first = queue.first {
        let least = try #require(expected.min())
        #expect(first.due == least, "seed \(seed)")
        #expect(queue.popFirst(dueAt: least - 1) == nil)
        #expect(queue.popFirst(dueAt: least) == first.token)
        expected.remove(at: try #require(expected.firstIndex(of: least)))
      }
    }
    var left: [Int64] = []
    while let first = queue.first {
      left.append(first.due)
      #expect(queue.popFirst(dueAt: .max) == first.token)
    }
    #expect(left == expected.sorted(), "seed \(seed)")
    #expect(queue.popFirst(dueAt: .max) == nil)
  }
}
