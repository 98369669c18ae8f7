/// Numbers of lines, given in ascending order, kept as ranges: `2, 4, 7 to 19`.
struct LineRanges: Equatable {
  /// Of a file in which every other line is bad nobody reads more; the rest is only counted.
  static let maximumRanges = 1_000

  private(set) var ranges: [ClosedRange<Int>] = []
  /// Numbers that did not fit any more.
  private(set) var leftOut = 0

  init() {}

  init(_ range: ClosedRange<Int>) { ranges = [range] }

  var isEmpty: Bool { ranges.isEmpty }

  mutating func append(_ line: Int) {
    if let last = ranges.last, line <= last.upperBound + 1 {
      ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, line)
    } else if ranges.count < Self.maximumRanges {
      ranges.append(line...line)
    } else {
      leftOut += 1
    }
  }

  /// `line 3`, `lines 2, 4, 7 to 19`
  var text: String {
    let parts = ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound)" }
    let isOne = ranges.count == 1 && ranges[0].count == 1
    let rest = leftOut == 0 ? "" : " and \(Figures.grouped(leftOut)) more"
    return "\(isOne ? "line" : "lines") \(parts.joined(separator: ", "))\(rest)"
  }
}
