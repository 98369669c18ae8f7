import HTTPClient
import Telemetry

/// The endpoint of ECS, EKS and Lambda's SnapStart, named by `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or
/// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, with the token of `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` or
/// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
struct ContainerEndpoint: CredentialLocation {
  private let environment: Environment
  private let host: String
  private let asker = LocalAsker(milliseconds: 2_000, attempts: 3)

  init(environment: Environment, host: String) {
    self.environment = environment
    self.host = host
  }

  var name: String { "the container's endpoint" }

  func find() -> Finding {
    if let path = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] {
      guard path.hasPrefix("/") else { return .broken("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path") }
      return ask(host + path)
    }
    guard let text = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] else {
      return .nothing("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set")
    }
    do throws(HTTPClientError) {
      let url = try HTTPURL(text)
      if Self.isTrusted(url: url) { return ask(text) }
      return .broken("\(url.origin) may not be asked: plain HTTP only on this machine and at ECS's and EKS's addresses")
    } catch {
      return .broken(error.description)
    }
  }

  private func ask(_ text: String) -> Finding {
    let headers: [(name: String, value: String)]
    switch token {
    case .none: headers = []
    case .token(let token): headers = [("Authorization", token)]
    case .unreadable(let reason): return .broken(reason)
    }
    switch asker.ask("GET", text: text, headers: headers) {
    case .failed(let reason): return .broken(reason)
    case .body(let body):
      return CredentialDocument.credentials(body).map { .found($0) } ?? .broken("the answer holds no credentials")
    }
  }

  private enum Token {
    case none
    case token(String)
    case unreadable(String)
  }

  private var token: Token {
    guard let path = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] else {
      return environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"].map { .token($0) } ?? .none
    }
    switch TextFile.read(path: path) {
    case .text(let text): return .token(String(text.prefix { !$0.isNewline }))
    case .failed(let reason): return .unreadable("\(path): \(reason ?? "no such file")")
    }
  }

  /// The token must not be sent in the clear to any other host, whatever the environment says.
  private static func isTrusted(url: HTTPURL) -> Bool {
    url.isSecure || url.isLoopback
      || ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"].contains(url.host.lowercased())
  }
}
