/// How far a feed is, as a line: `[#########           ]  45%  8,200 events  200/s  41,000 deliveries`.
struct ProgressBar {
  /// Between 0 and 1; nil where the end is not known.
  var fraction: Double?
  var facts: [String]

  /// At most `columns` characters, so that it can be drawn over itself.
  func text(columns: Int) -> String {
    let facts = facts.joined(separator: "  ")
    guard let fraction else { return String(facts.prefix(columns - 1)) }
    let share = min(1, max(0, fraction))
    let percent = "\(Int(share * 100))%"
    let width = min(30, columns - facts.count - 12)
    guard width >= 5 else { return String("\(percent)  \(facts)".prefix(columns - 1)) }
    let filled = Int(share * Double(width))
    let bar = String(repeating: "#", count: filled) + String(repeating: " ", count: width - filled)
    return "[\(bar)] \(String(repeating: " ", count: 4 - percent.count))\(percent)  \(facts)"
  }
}
