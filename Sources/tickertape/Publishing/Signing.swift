import AWS
import HTTPClient
import Telemetry

/// Which hosts are called signed, and as whom: with the credentials that AWS's own tools would find.
struct Signing {
  private enum Hosts {
    case all
    case ofAWS
    case none
  }

  private static let profileOption = OptionSyntax.value(
    "profile", value: "NAME", help: "Sign with this profile of ~/.aws instead of what the environment gives.")

  static let callOptions: [OptionSyntax] = [
    profileOption,
    .flag("sign", help: "Sign calls to a host that is not AWS's own: an emulator."),
    .flag("no-sign", help: "Do not sign calls to AWS."),
  ]

  static let handshakeOptions: [OptionSyntax] = [
    profileOption, .flag("sign", help: "Sign the handshake, for an API whose $connect asks for AWS_IAM."),
  ]

  private let profile: String?
  private let hosts: Hosts
  /// How it goes without credentials.
  private let advice: String

  /// Of calls to Lambda: those to AWS are signed, which takes no others.
  init(ofCalls arguments: Arguments) throws(CommandFailure) {
    let (always, never) = (arguments.has("sign"), arguments.has("no-sign"))
    if always, never { throw CommandFailure(code: .usage, message: "--sign or --no-sign, not both") }
    profile = arguments.value("profile")
    hosts = always ? .all : never ? .none : .ofAWS
    advice = "--no-sign calls it unsigned"
  }

  /// Of handshakes: only if asked, since a deployed $connect takes keys and tokens.
  init(ofHandshakes arguments: Arguments) {
    profile = arguments.value("profile")
    hosts = arguments.has("sign") ? .all : .none
    advice = "without --sign it is called unsigned"
  }

  private init() { (profile, hosts, advice) = (nil, .none, "") }

  static let none = Signing()

  /// What signs calls to this host; nil where calls are not signed.
  func authority(
    for url: HTTPURL, service: String, in context: CommandContext
  ) throws(CommandFailure) -> SigningAuthority? {
    guard hosts == .all || hosts == .ofAWS && Self.isAWS(url.host) else { return nil }
    let environment = context.environment
    let region = try region(of: url, environment: environment)
    let chain = CredentialChain(environment: environment, profile: profile, clock: context.clock)
    do throws(CredentialError) { _ = try chain.credentials() } catch {
      throw CommandFailure(
        code: .unavailable, message: "calls to \(url.authority) are to be signed, and there is nothing to sign with",
        advice: error.attempts.map { "\($0.location): \($0.reason)" } + [advice])
    }
    return SigningAuthority(service: service, region: region, source: chain, clock: context.clock)
  }

  private func region(of url: HTTPURL, environment: Environment) throws(CommandFailure) -> String {
    if let region = Region.named(inHost: url.host) { return region }
    do throws(RegionError) {
      return try Region.find(environment: environment, profile: profile)
    } catch {
      throw CommandFailure(code: .usage, message: error.description)
    }
  }

  private static func isAWS(_ host: String) -> Bool {
    host.hasSuffix(".amazonaws.com") || host.hasSuffix(".amazonaws.com.cn") || host.hasSuffix(".api.aws")
  }
}
