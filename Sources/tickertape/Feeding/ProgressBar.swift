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

/// Numbers as people read them.
enum Figures {
  /// `1,234,567`
  static func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude).utf8)
    var text: [UInt8] = number < 0 ? [UInt8(ascii: "-")] : []
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(UInt8(ascii: ",")) }
      text.append(digit)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `1 event`, `2,000 events`
  static func count(_ number: Int, one: String, many: String? = nil) -> String {
    "\(grouped(number)) \(number == 1 ? one : many ?? one + "s")"
  }

  /// Events a second, with one decimal below ten.
  static func rate(_ events: Int, milliseconds: Int64) -> String {
    guard milliseconds > 0 else { return "-" }
    let rate = Double(events) * 1000 / Double(milliseconds)
    return rate < 10 ? decimal(rate) : grouped(Int(rate.rounded()))
  }

  /// `2.5`
  static func decimal(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths < 0 ? "-" : "")\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
  }

  /// `1.5 s`, `2 min 5 s`
  static func duration(milliseconds: Int64) -> String {
    let seconds = milliseconds / 1000
    return seconds < 60 ? "\(decimal(Double(milliseconds) / 1000)) s" : "\(seconds / 60) min \(seconds % 60) s"
  }
}
