import Messaging

extension AccessSettings {
  /// The page that a browser says it comes from, if its cookie must not count: browsers send cookies with a WebSocket
  /// handshake whichever page opens it, and no other rule of theirs keeps a foreign page out. A page that came without
  /// TLS is whoever's who is on the way, and counts only where the handshake came without TLS too.
  ///
  /// With a GET of another page's image or script a browser names no origin, but that it is another site's
  /// (`Sec-Fetch-Site`, W3C Fetch Metadata): such a page cannot read a stream, and could still use one up.
  func foreignOrigin(of presentation: PresentedCredentials) -> String? {
    if presentation.fields("Origin").isEmpty {
      return presentation.fields("Sec-Fetch-Site").first { site in !["same-origin", "none"].contains(site) }
    }
    let hosts = presentation.fields("Host")
    // API Gateway writes it, always 'https'; a browser lets no page set it.
    let schemes = presentation.fields("X-Forwarded-Proto")
    let isWithoutTLS = !schemes.isEmpty && schemes.allSatisfy { $0.hasSameBytes(as: "http") }
    return presentation.fields("Origin").first { origin in
      !cookieOrigins.contains { $0.hasSameBytes(as: origin) }
        && !hosts.contains {
          origin.hasSameBytes(as: "https://\($0)") || isWithoutTLS && origin.hasSameBytes(as: "http://\($0)")
        }
    }
  }
}
