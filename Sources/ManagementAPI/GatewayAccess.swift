import AWS
import HTTPClient
package import Telemetry

/// Where the `@connections` API is, and whether calls to it are signed.
///
/// The endpoint is `API_GATEWAY_ENDPOINT`, or the domain and stage that an event came from. Calls to an `https`
/// endpoint are signed with the credentials of `CredentialChain`, calls to an `http` endpoint, as the local gateway's,
/// are not; `API_GATEWAY_SIGN=always` or `never` says otherwise.
package struct GatewayAccess: Sendable {
  private let environment: Environment

  package init(environment: Environment) { self.environment = environment }

  /// The endpoint that is set; nil if there is none.
  package var endpoint: String? { environment["API_GATEWAY_ENDPOINT"] }

  /// The endpoint that is set; without it the program cannot run.
  package func requiredEndpoint() throws(MissingVariable) -> String {
    try environment.required(
      "API_GATEWAY_ENDPOINT", example: "https://abc123defg.execute-api.eu-west-1.amazonaws.com/prod")
  }

  /// Refuses what no client could be made with, so that a function tells it at its start and not when it sends first.
  package func check() throws(InvalidVariable) {
    if let endpoint, (try? HTTPURL(endpoint)) == nil {
      throw InvalidVariable(
        name: "API_GATEWAY_ENDPOINT", value: endpoint,
        allowed: "a URL, for example https://abc123defg.execute-api.eu-west-1.amazonaws.com/prod")
    }
    _ = try signs(endpoint ?? "")
  }

  /// The endpoint behind an event's `requestContext`: a custom domain is mapped to one stage and has none in its path.
  /// One that is mapped under a path has to be set.
  package static func endpoint(domainName: String, stage: String) -> String {
    let isGatewaysOwn = domainName.split(separator: ".").contains("execute-api")
    return isGatewaysOwn ? "https://\(domainName)/\(stage)" : "https://\(domainName)"
  }

  package func client(
    for endpoint: String, options: ManagementClient.Options = .init(), clock: Clock = .system
  ) throws -> ManagementClient {
    let signing = try signs(endpoint) ? authority(endpoint, clock: clock) : nil
    return try ManagementClient(endpoint: endpoint, signedBy: signing, options: options, clock: clock)
  }

  private func signs(_ endpoint: String) throws(InvalidVariable) -> Bool {
    switch environment["API_GATEWAY_SIGN"] {
    case nil: endpoint.lowercased().hasPrefix("https:")
    case "always": true
    case "never": false
    case let other?: throw InvalidVariable(name: "API_GATEWAY_SIGN", value: other, allowed: "always or never")
    }
  }

  private func authority(_ endpoint: String, clock: Clock) throws -> SigningAuthority {
    let host = try HTTPURL(endpoint).host
    return SigningAuthority(
      service: "execute-api", region: try Region.named(inHost: host) ?? Region.find(environment: environment),
      source: CredentialChain(environment: environment, clock: clock), clock: clock)
  }
}

/// A variable has a value that it cannot have.
package struct InvalidVariable: Error, CustomStringConvertible {
  package let name: String
  package let value: String
  package let allowed: String

  package var description: String { "\(name)=\(value): it is \(allowed)" }
}
