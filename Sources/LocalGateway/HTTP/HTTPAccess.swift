import HTTPWire

/// Whom a server on loopback answers, so that no web page in a browser of this machine can read or publish through it.
///
/// A page can make the browser send requests to 127.0.0.1: by its own name rebound to that address (then `Host` is that
/// name), or straight (then `Origin` is the page's). Both are refused.
struct HTTPAccess {
  /// Origins of pages that may use the gateway, as browsers write them: `http://localhost:3000`.
  let allowedOrigins: Set<String>
  private let hosts: Set<String>

  /// `port` is the one the server listens on.
  init(port: UInt16, allowedOrigins: Set<String> = []) {
    self.allowedOrigins = allowedOrigins
    let names = ["127.0.0.1", "localhost", "[::1]"]
    hosts = Set(names + names.map { "\($0):\(port)" })
  }

  func allows(_ request: HTTPRequest) -> Bool {
    guard isOwn(host: request.authority) else { return false }
    let origins = request.headers.values("origin")
    return origins.allSatisfy { $0 == "http://\(request.authority)" || allowedOrigins.contains($0) }
  }

  private func isOwn(host: String) -> Bool { hosts.contains(host) || hosts.contains(host.lowercased()) }
}
