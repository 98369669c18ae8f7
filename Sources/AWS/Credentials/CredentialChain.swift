package import Telemetry

/// Credentials from the first place that has them, in the order of AWS's SDKs: environment variables, the profile in
/// the shared files, the container's endpoint, the instance's metadata.
///
///     let source = CredentialChain(.process)
///     let credentials = try source.credentials()
///
/// Those that end are fetched anew five minutes before; while that fails, the old ones serve until they end.
package final class CredentialChain: CredentialSource {
  private static let refreshSeconds: Int64 = 300
  /// After a failed refresh, and for credentials that are about to end when they come.
  private static let pauseSeconds: Int64 = 60

  private let locations: [any CredentialLocation]
  private let clock: Clock
  private var kept: Credentials?
  private var nextRefresh = Int64.max

  /// - Parameters:
  ///   - profile: one that the user named for this call; the environment's keys are then not looked at.
  ///   - containerHost: where `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` is relative to.
  package init(
    environment: Environment, profile: String? = nil, clock: Clock = .system,
    containerHost: String = "http://169.254.170.2"
  ) {
    self.clock = clock
    let files = SharedFiles(environment, profile: profile)
    let always: [any CredentialLocation] = [
      files, ContainerEndpoint(environment: environment, host: containerHost),
      InstanceMetadata(environment: environment),
    ]
    locations = profile == nil ? [EnvironmentKeys(environment: environment)] + always : always
  }

  package func credentials() throws(CredentialError) -> Credentials {
    let now = clock.seconds
    guard let old = kept else { return keep(try fetch(), at: now) }
    guard now >= nextRefresh else { return old }
    do throws(CredentialError) {
      return keep(try fetch(), at: now)
    } catch {
      if let end = old.expirySecondsSinceEpoch, now >= end { throw error }
      nextRefresh = now + Self.pauseSeconds
      return old
    }
  }

  package func discard(_ credentials: Credentials) {
    if kept == credentials { kept = nil }
  }

  private func keep(_ credentials: Credentials, at now: Int64) -> Credentials {
    kept = credentials
    let end = credentials.expirySecondsSinceEpoch
    nextRefresh = end.map { max($0 - Self.refreshSeconds, now + Self.pauseSeconds) } ?? .max
    return credentials
  }

  private func fetch() throws(CredentialError) -> Credentials {
    var attempts: [CredentialError.Attempt] = []
    for location in locations {
      switch location.find() {
      case .found(let credentials) where credentials.fitHeaders: return credentials
      case .found:
        throw CredentialError(
          attempts + [.init(location: location.name, reason: "a key holds characters that no key has")])
      case .nothing(let reason): attempts.append(.init(location: location.name, reason: reason))
      case .broken(let reason):
        throw CredentialError(attempts + [.init(location: location.name, reason: reason)])
      }
    }
    throw CredentialError(attempts)
  }
}

extension Credentials {
  /// They are written into header lines: a line break in one would start another.
  fileprivate var fitHeaders: Bool {
    (accessKeyID + (sessionToken ?? "")).utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

/// One place where credentials may be.
protocol CredentialLocation {
  var name: String { get }
  func find() -> Finding
}

enum Finding: Equatable {
  case found(Credentials)
  /// Not here, and why: the next place is tried.
  case nothing(String)
  /// They are meant to be here but cannot be had: no other location is tried, or the caller would act as another identity.
  case broken(String)
}
