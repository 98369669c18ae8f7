package import Telemetry

/// The variables by which this room, and whatever calls AWS with it, finds credentials, region and endpoints.
package enum AWSVariables {
  /// Keys in the environment, which count before every other place.
  private static let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
  private static let others = [
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB",
  ]
  private static let files = [
    "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CA_BUNDLE",
    "TLS_ROOTS",
  ]
  /// `TLS_ROOTS` may say this instead of a path.
  private static let systemRoots = "system"

  /// What a program has to find in its environment to call DynamoDB as this one would: as it is here, and empty where
  /// it is not set here, lest a default of that program stand in. Paths are made absolute, for it starts elsewhere; the
  /// region is the one that is found here, also that of a profile.
  package static func forCalls(
    as environment: Environment, absolutePath: (String) -> String
  ) -> [String: String] {
    var values: [String: String] = [:]
    for name in keys { values[name] = environment[name] ?? "" }
    for name in others { values[name] = environment[name] }
    for name in files {
      values[name] = environment[name].map { $0 == systemRoots || $0.hasPrefix("~/") ? $0 : absolutePath($0) }
    }
    let region = (try? Region.find(environment: environment)) ?? ""
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] { values[name] = region }
    return values
  }
}
