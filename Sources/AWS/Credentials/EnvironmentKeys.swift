import Telemetry

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, of temporary credentials, `AWS_SESSION_TOKEN`: how Lambda gives a
/// function those of its role.
struct EnvironmentKeys: CredentialLocation {
  let environment: Environment

  var name: String { "the environment" }

  func find() -> Finding {
    switch (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) {
    case (let id?, let secret?):
      .found(
        Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: environment["AWS_SESSION_TOKEN"]))
    case (nil, nil): .nothing("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
    case (nil, _): .broken("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not")
    case (_, nil): .broken("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not")
    }
  }
}
