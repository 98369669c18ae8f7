/// Tokens by the moment they are due, the earliest first: a binary heap. Those of one moment come in any order.
package struct DueQueue: Sendable {
  private var heap: [(due: Int64, token: Int)] = []

  package init() {}

  package var first: (due: Int64, token: Int)? { heap.first }

  package mutating func add(_ token: Int, dueAt due: Int64) {
    heap.append((due, token))
    var child = heap.count - 1
    while child > 0, heap[child].due < heap[(child - 1) / 2].due {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// The earliest token, if it is due at `now`.
  package mutating func popFirst(dueAt now: Int64) -> Int? {
    guard let first = heap.first, first.due <= now else { return nil }
    removeFirst()
    return first.token
  }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < heap.count else { return }
      let least = left + 1 < heap.count && heap[left + 1].due < heap[left].due ? left + 1 : left
      guard heap[least].due < heap[parent].due else { return }
      heap.swapAt(least, parent)
      parent = least
    }
  }
}
