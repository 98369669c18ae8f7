/// How many values of each size there were, in a bounded space: values below 64 are counted exactly, larger ones with
/// 32 steps to each doubling, so that a percentile is at most 1/32 too high or too low.
package struct Histogram: Sendable {
  private static let exact = 64
  private static let steps = 32
  /// Values up to 2^40 are told apart: 35 years in milliseconds.
  private static let maximumBits = 40

  private var counts: [UInt32] = []
  package private(set) var count = 0
  private var minimum = Int64.max
  private var maximum: Int64 = 0

  package init() {}

  /// Adds a value; one below zero, as after a clock was set back, counts as zero.
  package mutating func record(_ value: Int64, count added: Int = 1) {
    guard added > 0 else { return }
    if counts.isEmpty { counts = Array(repeating: 0, count: Self.bucket(of: .max) + 1) }
    let value = max(value, 0)
    let bucket = Self.bucket(of: value)
    let sum = counts[bucket].addingReportingOverflow(UInt32(clamping: added))
    counts[bucket] = sum.overflow ? .max : sum.partialValue
    count += added
    minimum = min(minimum, value)
    maximum = max(maximum, value)
  }

  package mutating func add(_ other: Histogram) {
    guard other.count > 0 else { return }
    if counts.isEmpty {
      self = other
      return
    }
    for index in counts.indices {
      let sum = counts[index].addingReportingOverflow(other.counts[index])
      counts[index] = sum.overflow ? .max : sum.partialValue
    }
    count += other.count
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
  }

  /// The least value that at least so many of a hundred values do not exceed; nil without any value.
  package func percentile(_ percent: Int) -> Int64? {
    guard count > 0 else { return nil }
    let total = counts.reduce(0) { $0 + Int($1) }
    let rank = max(1, (total * min(max(percent, 0), 100) + 99) / 100)
    var passed = 0
    for (index, count) in counts.enumerated() {
      passed += Int(count)
      if passed >= rank { return min(max(Self.middle(of: index), minimum), maximum) }
    }
    return maximum
  }

  private static func bucket(of value: Int64) -> Int {
    guard value >= exact else { return Int(value) }
    let bits = Int64.bitWidth - value.leadingZeroBitCount
    guard bits <= maximumBits else { return exact + steps * (maximumBits - 6) - 1 }
    // The five bits after the leading one.
    let step = Int(value >> Int64(bits - 6)) & (steps - 1)
    return exact + steps * (bits - 7) + step
  }

  private static func middle(of bucket: Int) -> Int64 {
    guard bucket >= exact else { return Int64(bucket) }
    let shift = Int64((bucket - exact) / steps + 1)
    let low = Int64(steps + (bucket - exact) % steps) << shift
    return low + (1 << shift) / 2
  }
}
