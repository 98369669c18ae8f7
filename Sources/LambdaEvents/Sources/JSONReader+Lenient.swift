import JSON

extension JSONReader {
  /// A string; nil for any other value and for a string with half a surrogate pair, which are passed: one message that
  /// is not as its source writes it says nothing of the others.
  mutating func text() throws(JSONError) -> String? {
    var ahead = self
    if (try? ahead.peek()) == .string, let text = try? ahead.string() {
      self = ahead
      return text
    }
    try skip()
    return nil
  }

  /// A string, or the digits of a number: EventBridge Pipes writes a partition as "0", Lambda as 0.
  mutating func digits() throws(JSONError) -> String? {
    guard try peek() == .number else { return try text() }
    return String(decoding: try rawValue(), as: UTF8.self)
  }
}
