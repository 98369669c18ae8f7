import JSON

/// The `level` of an alarm.
enum AlertLevel {
  /// Whether `data` is an object that says `"level":"error"`.
  static func isError(_ data: [UInt8]) -> Bool {
    var reader = JSONReader(data)
    guard (try? reader.beginObject()) != nil else { return false }
    while let name = try? reader.nextKey() {
      if name == "level" { return (try? reader.string()) == "error" }
      guard (try? reader.skip()) != nil else { return false }
    }
    return false
  }
}
