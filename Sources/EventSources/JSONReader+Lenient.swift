import JSON

extension JSONReader {
  /// A string; nil for any other value, which is passed.
  mutating func text() throws(JSONError) -> String? {
    if try peek() == .string { return try string() }
    try skip()
    return nil
  }

  /// A string, or the digits of a number: EventBridge Pipes writes a partition as "0", Lambda as 0.
  mutating func digits() throws(JSONError) -> String? {
    guard try peek() == .number else { return try text() }
    return String(decoding: try rawValue(), as: UTF8.self)
  }
}
