/// How many calls are on their way at most: fewer when the gateway throttles, then again more.
///
/// A 429 alone may only mean that one client's own buffer is full. A tenth of the last 100 answers being 429 is taken
/// for throttling: the width is halved (and those answers forgotten); it grows by one each time as many calls as it
/// counts were not refused.
struct Width {
  private(set) var current: Int
  private let maximum: Int
  private var window = [Bool](repeating: false, count: Self.windowCount)
  private var position = 0
  private var refusals = 0
  private var successes = 0

  /// The whole API throttles.
  var isReduced: Bool { current < maximum }

  private static let windowCount = 100
  private static let tooManyRefusals = windowCount / 10

  init(maximum: Int) {
    self.maximum = maximum
    current = maximum
  }

  mutating func record(isRefusal: Bool) {
    // The usual case: nothing to remember, nothing to grow.
    if !isRefusal, refusals == 0, current == maximum { return }
    refusals += (isRefusal ? 1 : 0) - (window[position] ? 1 : 0)
    window[position] = isRefusal
    position = (position + 1) % Self.windowCount
    if isRefusal {
      if refusals >= Self.tooManyRefusals { shrink() }
    } else if current < maximum {
      grow()
    }
  }

  private mutating func shrink() {
    current = max(1, current / 2)
    refusals = 0
    successes = 0
    for index in window.indices { window[index] = false }
  }

  private mutating func grow() {
    successes += 1
    guard successes >= current else { return }
    successes = 0
    current += 1
  }
}
