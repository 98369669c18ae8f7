import HTTPWire

/// A path of another API under which clients reach the stage: API Gateway shows a function no path, so it is rewritten
/// to query parameters. On AWS the function of `infra/template.yaml`'s distribution does it, with the same table
/// (`PathAliasTests`).
///
///     PathAlias("/realtime/ws/{client_id}", adding: [("dialect", "flat")], renaming: [("user_id", "userId")])
///     // /realtime/ws/c1?user_id=u  becomes  dialect=flat&client_id=c1&userId=u
struct PathAlias {
  let pattern: String
  let added: [(name: String, value: String)]
  let renamed: [(from: String, to: String)]
  private let segments: [String]

  /// A segment in braces matches any one segment, which becomes the parameter of that name.
  init(
    _ pattern: String, adding added: [(name: String, value: String)] = [], renaming renamed: [(String, String)] = []
  ) {
    self.pattern = pattern
    segments = Self.split(path: pattern[...])
    self.added = added
    self.renamed = renamed.map { (from: $0.0, to: $0.1) }
  }

  /// The paths of the source documents; the first that matches is taken. The other names that they have for parameters
  /// (`apiKey`, `auth`, `eventTypes`, `channels`, `symbols`) are the stage's own.
  static let documented = [
    // A dashboard shows what comes; its client asks for nothing.
    PathAlias(
      "/realtime/ws/dashboard/{userId}",
      adding: [("dialect", "flat"), ("eventTypes", "credit_updates,dashboard")], renaming: [("user_id", "userId")]),
    PathAlias(
      "/realtime/ws/{client_id}", adding: [("dialect", "flat"), ("defaultEventTypes", "realtime")],
      renaming: [("user_id", "userId")]),
    PathAlias("/streaming/ws", adding: [("dialect", "message")]),
    PathAlias("/stream/ws"),
    // `wss://HOST/v1` is the base of the clients of /stream/ws: a stage, or a prefix of the path.
    PathAlias("/v1/stream/ws"),
    PathAlias("/v1"),
    PathAlias("/ws"),
  ]

  /// The query parameters of the stage that the request stands for, or nil if this is not its path.
  func rewrite(path: Substring, query: Query) -> Query? {
    let parts = Self.split(path: path)
    guard parts.count == segments.count else { return nil }
    var taken: [(name: String, value: String)] = []
    for (pattern, part) in zip(segments, parts) {
      if pattern.hasPrefix("{"), pattern.hasSuffix("}") {
        taken.append(
          (String(pattern.dropFirst().dropLast()), PercentEncoding.decodeLeniently(part[...])))
      } else if pattern != part {
        return nil
      }
    }
    let own = query.parameters.map { parameter in
      (name: renamed.first { $0.from == parameter.name }?.to ?? parameter.name, value: parameter.value)
    }
    // What the path says, the query cannot say otherwise.
    let said = Set((added + taken).map(\.name))
    return Query(parameters: added + taken + own.filter { !said.contains($0.name) })
  }

  private static func split(path: Substring) -> [String] {
    path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
  }
}

/// The parameters of a URL's query, decoded, in order; a name may come several times.
struct Query: Equatable {
  let parameters: [(name: String, value: String)]

  init(parameters: [(name: String, value: String)]) { self.parameters = parameters }

  /// From `a=1&b=two%20words`; a plus stands for a space, as forms and URLSearchParams write it.
  init(_ text: Substring) {
    parameters = text.split(separator: "&").map { pair in
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (
        name: PercentEncoding.decodeLeniently(halves[0], plusIsSpace: true),
        value: halves.count == 2 ? PercentEncoding.decodeLeniently(halves[1], plusIsSpace: true) : ""
      )
    }
  }

  static func == (left: Query, right: Query) -> Bool {
    left.parameters.elementsEqual(right.parameters) { $0.name == $1.name && $0.value == $1.value }
  }
}
