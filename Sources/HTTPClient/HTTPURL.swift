/// The parts of an `http`, `https`, `ws` or `wss` URL that a client needs (RFC 3986; RFC 6455 section 3).
///
///     let url = try HTTPURL("wss://example.com/dev?userId=u-1")
///     url.isSecure      // true
///     url.authority     // "example.com", for the Host header
///     url.target        // "/dev?userId=u-1"
package struct HTTPURL: Sendable, Equatable {
  /// TLS: `https` and `wss`.
  package let isSecure: Bool
  /// As written; an IPv6 address keeps its brackets.
  package let host: String
  /// The port written, or the scheme's own (80, 443).
  package let port: Int
  /// Path and query, at least `/`; the fragment is left out.
  package let target: String

  /// User names and passwords in a URL are refused.
  package init(_ text: String) throws(HTTPClientError) {
    // Without `firstRange(of:)`, which brings the whole regular expression engine into a static executable.
    let scheme = text.prefix { $0 != ":" }
    guard text[scheme.endIndex...].hasPrefix("://") else { throw Self.refused("no scheme (http, https, ws or wss)") }
    switch scheme.lowercased() {
    case "http", "ws": isSecure = false
    case "https", "wss": isSecure = true
    default: throw Self.refused("not an http, https, ws or wss URL")
    }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw Self.refused("characters outside printable ASCII")
    }
    let rest = text[scheme.endIndex...].dropFirst(3).prefix { $0 != "#" }
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    guard !authority.contains("@") else { throw Self.refused("a user name in the URL") }
    (host, port) = try Self.split(authority, defaultPort: isSecure ? 443 : 80)
    let path = rest[authority.endIndex...]
    target = path.hasPrefix("/") ? String(path) : "/" + path
  }

  /// The path without a trailing slash, and without the query: a prefix to append to.
  package var basePath: String {
    var path = target.prefix { $0 != "?" }
    while path.last == "/" { path.removeLast() }
    return String(path)
  }

  /// The value of the `Host` header: the port is left out where it is the scheme's own.
  package var authority: String { port == (isSecure ? 443 : 80) ? host : "\(host):\(port)" }

  /// `https://example.com:443`: what errors name.
  package var origin: String { "\(isSecure ? "https" : "http")://\(host):\(port)" }

  /// The URL in the scheme that libcurl knows.
  var text: String { origin + target }

  /// On this machine.
  package var isLoopback: Bool {
    host == "localhost" || host == "[::1]"
      || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
  }

  /// A proxy never serves these: this machine, and link-local addresses, at which instances and containers ask about
  /// themselves.
  var isNeverProxied: Bool {
    isLoopback || host.hasPrefix("169.254.") || host.lowercased() == "[fd00:ec2::23]"
      || host.lowercased() == "[fd00:ec2::254]"
  }

  private static func split(
    _ authority: Substring, defaultPort: Int
  ) throws(HTTPClientError) -> (host: String, port: Int) {
    let host: Substring
    if authority.first == "[", let bracket = authority.firstIndex(of: "]") {
      host = authority[...bracket]
    } else {
      host = authority.prefix { $0 != ":" }
    }
    guard !host.isEmpty else { throw refused("no host") }
    let rest = authority[host.endIndex...]
    if rest.isEmpty { return (String(host), defaultPort) }
    guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65_535).contains(port) else {
      throw refused("not a port: \(rest)")
    }
    return (String(host), port)
  }

  private static func refused(_ reason: String) -> HTTPClientError {
    HTTPClientError(.invalidRequest, tried: "read", host: "URL", message: reason)
  }
}
