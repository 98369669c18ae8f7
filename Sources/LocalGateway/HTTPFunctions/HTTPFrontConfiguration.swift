package import LambdaEvents

/// A function that is reached over HTTP, and by which paths.
package struct HTTPFunctionRoute: Equatable, Sendable {
  /// `/metrics` is that path, `/api/stream/*` everything below it, `*` whatever nothing else on the port answers.
  package let pattern: String
  package let function: String

  /// Nil if the pattern is none.
  package init?(pattern: String, function: String) {
    let path = pattern.hasSuffix("*") ? pattern.dropLast() : pattern[...]
    guard pattern == "*" || path.hasPrefix("/") && (path == pattern[...] || path.hasSuffix("/")) else { return nil }
    guard path.utf8.allSatisfy({ 0x21...0x7E ~= $0 && !"?#*".utf8.contains($0) }) else { return nil }
    self.pattern = pattern == "/*" ? "*" : pattern
    self.function = function
  }

  var isRemainder: Bool { pattern == "*" }

  /// How closely the pattern means the path: the bytes that are alike; nil where it does not.
  func closeness(to path: Substring) -> Int? {
    guard pattern.hasSuffix("*") else { return pattern.utf8.elementsEqual(path.utf8) ? .max : nil }
    let prefix = pattern.utf8.dropLast()
    return path.utf8.starts(with: prefix) ? prefix.count : nil
  }
}

/// What stands before the functions that are reached over HTTP.
package struct HTTPFrontConfiguration: Sendable {
  /// Which of AWS's fronts is imitated.
  package var front = HTTPFront.functionURL
  package var routes: [HTTPFunctionRoute] = []
  /// Silence of the function after which a stream is cut; nil: never. A function URL has no such bound, a regional REST
  /// API cuts after five minutes, an edge-optimised one after 30 seconds.
  package var idleMilliseconds: Int64?
  /// For a whole request: a REST API's streams end after 15 minutes. Nil: the function's own timeout is the bound.
  package var maximumMilliseconds: Int64?
  /// For an answer of one piece: an HTTP API waits 30 seconds. Nil: no bound but the function's.
  package var integrationMilliseconds: Int64?
  /// Headers of a request, names and values together: API Gateway's 10,240 bytes.
  var maximumHeaderBytes = 10_240

  package init(_ front: HTTPFront = .functionURL) {
    self.front = front
    switch front {
    case .functionURL: break
    case .httpAPI: integrationMilliseconds = 30_000
    case .restAPI:
      idleMilliseconds = 300_000
      maximumMilliseconds = 900_000
    }
  }

  /// A name of the command line: `url`, `rest`, `buffered`.
  package init?(name: String) {
    guard let front = Self.fronts.first(where: { $0.name == name })?.front else { return nil }
    self.init(front)
  }

  package static let fronts: [(name: String, front: HTTPFront)] = [
    ("url", .functionURL), ("rest", .restAPI), ("buffered", .httpAPI),
  ]
}
