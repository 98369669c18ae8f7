import HTTPWire

/// What a client says that it takes, and what it has already.
enum HTTPPreference {
  /// Whether `Accept` names the type itself, with a weight above nought (RFC 9110 section 12.5.1). `*/*`, as programs
  /// send it, names nothing.
  static func accepts(_ type: String, in headers: HTTPHeaders) -> Bool {
    headers.values("accept").flatMap { $0.split(separator: ",") }.contains { range in
      let parts = range.lowercased().split(separator: ";").map { $0.trimmingBlanks }
      return parts.first == type[...] && !parts.dropFirst().contains(where: isZeroWeight)
    }
  }

  /// `q=0`, `q=0.000`
  private static func isZeroWeight(_ parameter: Substring) -> Bool {
    parameter.hasPrefix("q=0") && parameter.dropFirst(3).allSatisfy { $0 == "." || $0 == "0" }
  }

  /// Whether `If-None-Match` names the tag, weak or not, or anything (RFC 9110 section 13.1.2).
  static func matches(tag: String, _ headers: HTTPHeaders) -> Bool {
    headers.values("if-none-match").flatMap { $0.split(separator: ",") }.contains { candidate in
      let text = candidate.trimmingBlanks
      return text == "*" || text == "\"\(tag)\"" || text == "W/\"\(tag)\""
    }
  }
}

extension Substring {
  fileprivate var trimmingBlanks: Substring {
    let start = drop { $0 == " " || $0 == "\t" }
    guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return start[...last]
  }
}
