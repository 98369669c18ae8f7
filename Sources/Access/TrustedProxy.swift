import Crypto
package import Telemetry

/// The one proxy that is believed where a client is: the deployment's distribution, which adds a secret to what it hands
/// on (`x-tickertape-origin`). Of any other caller the address counts that API Gateway itself saw.
///
/// `ORIGIN_SECRET` holds the secret; without it no proxy is believed.
///
///     peer 198.51.100.4, the secret, X-Forwarded-For: 10.0.0.1, 203.0.113.7, 198.51.100.4   →  203.0.113.7
///     peer 198.51.100.4, no secret,  X-Forwarded-For: 203.0.113.7, 198.51.100.4             →  198.51.100.4
package struct TrustedProxy: Sendable {
  private let secret: [UInt8]?

  private static let field = "x-tickertape-origin"
  private static let hostField = "x-tickertape-host"
  private static let minimumBytes = 32

  package init(environment: Environment) throws(AccessSettingError) {
    let secret = environment["ORIGIN_SECRET"]
    if let secret, secret.utf8.count < Self.minimumBytes {
      throw AccessSettingError(
        "ORIGIN_SECRET has \(secret.utf8.count) bytes and needs 32 at least; for example the output of "
          + "'openssl rand -hex 32'")
    }
    self.secret = secret.map { Array($0.utf8) }
  }

  /// The client's address. `peer`: who opened the connection to API Gateway.
  ///
  /// A proxy appends the address that it saw to what the client itself may have written into `X-Forwarded-For`, and API
  /// Gateway appends the proxy's. So it is the last entry, and where that is the peer, the one before.
  package func address(of presentation: PresentedCredentials, peer: String) -> String {
    guard isTheSource(of: presentation) else { return peer }
    var entries = presentation.fields("X-Forwarded-For").flatMap { $0.split(separator: ",") }.map {
      ASCII.trimmed(Array($0.utf8))
    }
    if entries.last == Array(peer.utf8) { entries.removeLast() }
    guard let last = entries.last, !last.isEmpty else { return peer }
    return String(decoding: last, as: UTF8.self)
  }

  /// What came, with the host that the client asked for: a function URL answers to its own name only, so the proxy says which one
  /// was asked (`x-tickertape-host`), and is believed where it brings the secret. Of pages of that host cookies count.
  package func asked(_ presentation: PresentedCredentials) -> PresentedCredentials {
    let hosts = presentation.fields(Self.hostField)
    guard hosts.count == 1, isTheSource(of: presentation) else { return presentation }
    var asked = presentation
    asked.setField("Host", to: hosts[0])
    return asked
  }

  private func isTheSource(of presentation: PresentedCredentials) -> Bool {
    guard let secret else { return false }
    return presentation.fields(Self.field).contains { ConstantTime.areEqual(Array($0.utf8), right: secret) }
  }
}
