import AWSCredentials
import AWSSigning
import HTTPClient
import Telemetry

/// Signs the handshakes with an API whose `$connect` is for callers known to IAM: each anew, since a signature is good for
/// five minutes.
struct HandshakeSigner {
  private let authority: SigningAuthority

  /// The region is the one in the host's name, else, as for a domain of one's own, the one that is set.
  init(_ url: HTTPURL, _ environment: Environment, _ clock: Clock) throws(CommandFailure) {
    authority = SigningAuthority(
      service: "execute-api", region: try Self.region(url, environment),
      source: CredentialChain(environment, clock: clock), clock: clock)
  }

  private static func region(_ url: HTTPURL, _ environment: Environment) throws(CommandFailure) -> String {
    if let region = Region.named(inHost: url.host) { return region }
    do throws(RegionError) {
      return try Region.find(environment)
    } catch {
      throw CommandFailure(.usage, "--sign: \(error)")
    }
  }

  /// The headers to add to the handshake. Of those that it has only `Host` is signed.
  func headers(for url: HTTPURL) throws(CommandFailure) -> [(name: String, value: String)] {
    do throws(CredentialError) {
      let request = Signer.Request(method: "GET", target: url.target, headers: [("Host", url.authority)])
      return authority.headers(signing: request, with: try authority.proof())
    } catch {
      throw CommandFailure(
        .usage, "--sign: \(error)", advice: ["set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"])
    }
  }
}
