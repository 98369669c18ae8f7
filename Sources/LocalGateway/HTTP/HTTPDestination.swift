import HTTPWire

/// The server and the resource that a request names (RFC 9112 section 3).
struct HTTPDestination: Equatable {
  /// Path and query as they were sent, still percent-encoded; of a target in absolute form what follows the server.
  let target: String
  /// Name and port: of the target where it is in absolute form, whatever `Host` says; else of `Host`.
  let authority: String

  /// `hosts` are the values of all `Host` fields. HTTP/1.0 asks for none, but this server answers only those who call
  /// it by its name.
  init(method: String, target: String, hosts: [String]) throws(HTTPDestinationError) {
    guard let host = hosts.first else { throw .noHost }
    guard hosts.count == 1 else { throw .severalHosts }
    guard Self.isAuthority(host[...]) else { throw .malformedHost }
    if target.utf8.first == UInt8(ascii: "/") || target == "*" && method == "OPTIONS" {
      self.target = target
      authority = host
    } else {
      (authority, self.target) = try Self.split(absolute: target)
    }
  }

  /// `http://127.0.0.1:8000/dev?a=1`
  private static func split(
    absolute target: String
  ) throws(HTTPDestinationError) -> (authority: String, target: String) {
    let scheme = target.prefix { $0 != ":" }
    let afterScheme = target[scheme.endIndex...]
    guard ["http", "ws"].contains(scheme.lowercased()), afterScheme.hasPrefix("://") else { throw .malformedTarget }
    let rest = afterScheme.dropFirst(3)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    guard isAuthority(authority) else { throw .malformedTarget }
    let path = rest[authority.endIndex...]
    return (String(authority), path.hasPrefix("/") ? String(path) : "/" + path)
  }

  /// The characters of RFC 3986 section 3.2 without those before an `@`: HTTP has no users there (RFC 9110 section
  /// 4.2.4).
  private static func isAuthority(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
        }
      }
  }
}

/// Why a request is answered 400 though its bytes are HTTP.
enum HTTPDestinationError: Error, CustomStringConvertible {
  case noHost
  case severalHosts
  case malformedHost
  case malformedTarget

  var description: String {
    switch self {
    case .noHost: "a request names the host in one Host header, this one has none"
    case .severalHosts: "a request names the host in one Host header, this one has several"
    case .malformedHost: "the Host header is no name with a port"
    case .malformedTarget: "the request target is neither a path nor an http URL"
    }
  }
}
