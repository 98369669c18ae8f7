import HTTPClient
import Telemetry

/// The metadata of an EC2 instance, version 2 only: a session token first, then the role's name, then its credentials.
/// One attempt of a second: elsewhere nobody answers at this address.
struct InstanceMetadata: CredentialLocation {
  private let isDisabled: Bool
  private let endpoint: String
  private let asker = LocalAsker(milliseconds: 1_000, attempts: 1)

  init(environment: Environment) {
    isDisabled = environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true"
    var endpoint = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? "http://169.254.169.254"
    while endpoint.last == "/" { endpoint.removeLast() }
    self.endpoint = endpoint
  }

  var name: String { "the instance's metadata" }

  func find() -> Finding {
    if isDisabled { return .nothing("AWS_EC2_METADATA_DISABLED is true") }
    switch asker.ask(
      "PUT", text: "\(endpoint)/latest/api/token", headers: [("x-aws-ec2-metadata-token-ttl-seconds", "21600")])
    {
    case .failed(let reason): return .nothing(reason)
    case .body(let token): return find(token: String(decoding: token, as: UTF8.self))
    }
  }

  private func find(token: String) -> Finding {
    let roles = "\(endpoint)/latest/meta-data/iam/security-credentials/"
    let headers = [(name: "x-aws-ec2-metadata-token", value: token)]
    switch asker.ask("GET", text: roles, headers: headers) {
    case .failed(let reason): return .nothing("\(reason): the instance has no role")
    case .body(let body):
      let role = String(decoding: body, as: UTF8.self).prefix { !$0.isNewline }
      switch asker.ask("GET", text: roles + role, headers: headers) {
      case .failed(let reason): return .nothing(reason)
      case .body(let body):
        return CredentialDocument.credentials(body).map { .found($0) }
          ?? .nothing("the answer for the role \(role) holds no credentials")
      }
    }
  }
}
