import Telemetry

/// X-Ray's tracing header, `Root=1-<seconds>-<96 bits>;Parent=…;Sampled=0` (AWS X-Ray Developer Guide, "Tracing header").
enum TraceID {
  static func makeRoot(_ clock: Clock, randomness: Randomness) -> String {
    let digits = String(clock.seconds, radix: 16)
    let seconds = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    return "Root=1-\(seconds)-\(randomness.hexadecimal())\(randomness.hexadecimal().prefix(8))"
  }

  /// Whether the header names a root, as one does that a caller's own tracing wrote.
  static func hasRoot(_ header: String) -> Bool {
    header.utf8.split(separator: UInt8(ascii: ";")).contains { part in
      let fields = part.drop { $0 == 0x20 }.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
      return fields.count == 3 && fields[0].elementsEqual("Root=1".utf8) && isHexadecimal(fields[1], count: 8)
        && isHexadecimal(fields[2], count: 24)
    }
  }

  private static func isHexadecimal(_ text: Substring.UTF8View, count: Int) -> Bool {
    text.count == count && text.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
  }
}
