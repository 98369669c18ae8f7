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
