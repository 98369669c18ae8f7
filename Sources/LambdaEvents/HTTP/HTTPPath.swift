import HTTPWire

/// Paths of requests: the stage before them, and their segments.
enum HTTPPath {
  /// Nil where two readers could take the path for two different ones.
  static func segments(of path: String) -> [String]? {
    guard path.utf8.first == UInt8(ascii: "/") else { return nil }
    var parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    var segments: [String] = []
    segments.reserveCapacity(parts.count)
    for part in parts {
      guard let segment = PercentEncoding.decode(part), isPlain(segment) else { return nil }
      segments.append(segment)
    }
    return segments
  }

  private static func isPlain(_ segment: String) -> Bool {
    guard segment != ".", segment != ".." else { return false }
    return segment.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") }
  }

  /// `/prod/hello` of stage `prod` is `/hello`; the path itself if the stage does not stand there.
  static func withoutStage(_ path: String, stage: String) -> String {
    guard stage != "$default", !stage.isEmpty else { return path }
    let prefix = "/\(stage)"
    guard path.utf8.starts(with: prefix.utf8) else { return path }
    let rest = path.utf8.dropFirst(prefix.utf8.count)
    guard let next = rest.first else { return "/" }
    return next == UInt8(ascii: "/") ? String(Substring(rest)) : path
  }
}

/// `Cookie` header fields (RFC 6265 section 4.2.1).
enum HTTPCookies {
  static func pairs(in fields: [String]) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    for field in fields {
      for part in field.split(separator: ";") {
        let text = part.drop { $0 == " " || $0 == "\t" }
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else { continue }
        pairs.append((String(text[..<equals]), String(text[text.index(after: equals)...])))
      }
    }
    return pairs
  }
}
