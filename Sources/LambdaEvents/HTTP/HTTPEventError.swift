/// What invoked the function is no request of a function URL, an HTTP API or a REST API.
public enum HTTPEventError: Error, Equatable, CustomStringConvertible {
  /// Not JSON, or a member of another kind than the formats have.
  case malformed(String)
  /// A member that every request has.
  case missing(String)
  /// `version`, where neither format was recognised.
  case unknownVersion(String)

  /// What is wrong.
  public var description: String {
    switch self {
    case .malformed(let what): "not a request over HTTP: \(what)"
    case .missing(let name): "not a request over HTTP: '\(name)' is missing"
    case .unknownVersion(let version): "the request has payload format '\(version.prefix(16))', known are 1.0 and 2.0"
    }
  }
}
