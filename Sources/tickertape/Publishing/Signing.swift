import AWSClient
import AWSCredentials
import AWSSigning
import HTTPClient
import Telemetry

/// Whether and as whom calls are signed: hosts of AWS are, others only if asked, with the credentials that AWS's own
/// tools would find.
struct Signing {
  static let options: [OptionSyntax] = [
    .value("profile", "NAME", "Sign with this profile of ~/.aws instead of what the environment gives."),
    .flag("sign", "Sign calls to a host that is not AWS's own: a custom domain, an emulator."),
    .flag("no-sign", "Do not sign calls to AWS: for an API that is open to all."),
  ]

  private let profile: String?
  private let always: Bool
  private let never: Bool

  init(_ arguments: Arguments) throws(CommandFailure) {
    profile = arguments.value("profile")
    always = arguments.has("sign")
    never = arguments.has("no-sign")
    if always, never { throw CommandFailure(.usage, "--sign or --no-sign, not both") }
  }

  private init() { (profile, always, never) = (nil, false, false) }

  /// Signs calls to AWS only.
  static let standard = Signing()

  /// What signs calls to this host; nil where calls are not signed.
  func authority(
    for url: HTTPURL, service: String, in surroundings: Surroundings
  ) throws(CommandFailure) -> SigningAuthority? {
    guard !never, always || Self.isAWS(url.host) else { return nil }
    let environment = surroundings.environment
    let region = try region(of: url, environment)
    let chain = CredentialChain(environment, profile: profile, clock: surroundings.clock)
    do throws(CredentialError) { _ = try chain.credentials() } catch {
      throw CommandFailure(
        .unavailable, "\(url.authority) takes signed calls only, and there is nothing to sign with",
        advice: error.attempts.map { "\($0.place): \($0.reason)" } + ["--no-sign calls it unsigned"])
    }
    return SigningAuthority(service: service, region: region, source: chain, clock: surroundings.clock)
  }

  private func region(of url: HTTPURL, _ environment: Environment) throws(CommandFailure) -> String {
    if let region = Region.named(inHost: url.host) { return region }
    do throws(RegionError) {
      return try Region.find(environment, profile: profile)
    } catch {
      throw CommandFailure(.usage, error.description)
    }
  }

  private static func isAWS(_ host: String) -> Bool {
    host.hasSuffix(".amazonaws.com") || host.hasSuffix(".amazonaws.com.cn") || host.hasSuffix(".api.aws")
  }
}
