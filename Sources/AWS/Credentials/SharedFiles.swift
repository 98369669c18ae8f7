import Telemetry

/// The profile in the shared files. `AWS_PROFILE`, `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` say which; what
/// the credentials file has counts before what the config file has.
struct SharedFiles: CredentialLocation {
  let profile: String
  /// Whether the user named it: then it has to be there.
  private let isNamed: Bool
  private let credentialsPath: String
  private let configPath: String

  init(_ environment: Environment, profile: String? = nil) {
    let named = profile ?? environment["AWS_PROFILE"] ?? environment["AWS_DEFAULT_PROFILE"]
    self.profile = named ?? "default"
    isNamed = named != nil
    let home = environment["HOME"] ?? ""
    func path(_ variable: String, fallback: String) -> String {
      let path = environment[variable] ?? fallback
      return path.hasPrefix("~/") ? home + path.dropFirst() : path
    }
    credentialsPath = path("AWS_SHARED_CREDENTIALS_FILE", fallback: "~/.aws/credentials")
    configPath = path("AWS_CONFIG_FILE", fallback: "~/.aws/config")
  }

  var name: String { "the profile \(profile) in \(credentialsPath) and \(configPath)" }

  /// The region of the profile.
  var region: String? {
    settings(path: configPath, kind: .config)?["region"]
      ?? settings(path: credentialsPath, kind: .credentials)?["region"]
  }

  func find() -> Finding {
    let files = [(credentialsPath, ProfileFile.Kind.credentials), (configPath, .config)]
    for (path, _) in files {
      if case .failed(let reason?) = TextFile.read(path: path) { return .broken("\(path): \(reason)") }
    }
    let found = files.compactMap { settings(path: $0.0, kind: $0.1) }
    for settings in found {
      if let finding = keys(settings: settings) { return finding }
    }
    if let other = found.lazy.compactMap(Self.otherWay).first { return .broken(other) }
    if found.isEmpty { return isNamed ? .broken("there is no such profile") : .nothing("there is no such profile") }
    return isNamed ? .broken("the profile has no keys") : .nothing("the profile has no keys")
  }

  private func settings(path: String, kind: ProfileFile.Kind) -> [String: String]? {
    guard case .text(let text) = TextFile.read(path: path) else { return nil }
    return ProfileFile(text: text, kind: kind).profiles[profile]
  }

  private func keys(settings: [String: String]) -> Finding? {
    switch (settings["aws_access_key_id"], settings["aws_secret_access_key"]) {
    case (let id?, let secret?):
      .found(Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: settings["aws_session_token"]))
    case (nil, nil): nil
    default: .broken("one of aws_access_key_id and aws_secret_access_key is missing")
    }
  }

  /// Ways to credentials that need other programs or services first.
  private static func otherWay(settings: [String: String]) -> String? {
    let ways = ["role_arn", "sso_session", "sso_start_url", "sso_account_id", "credential_process", "login_session"]
    guard let way = ways.first(where: { settings[$0] != nil }) else { return nil }
    return "the profile has \(way), which is not followed here: "
      + "eval \"$(aws configure export-credentials --format env)\" puts its keys into the environment"
  }
}
