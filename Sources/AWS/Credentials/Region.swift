package import Telemetry

/// Which region to call: `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's.
///
/// Without any of them it is `eu-central-1` where the table has its name by the investment protocol's variable, whose
/// programs call that region unless they are told another.
package enum Region {
  package static func find(environment: Environment, profile: String? = nil) throws(RegionError) -> String {
    if profile == nil, let region = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] { return region }
    let files = SharedFiles(environment, profile: profile)
    if let region = files.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] { return region }
    if isNamedByInvestmentProtocol(environment) { return "eu-central-1" }
    throw RegionError(tried: ["AWS_REGION", "AWS_DEFAULT_REGION", files.name])
  }

  /// Whether it is this variable that names the table: `CONNECTION_STORE` wins over it.
  private static func isNamedByInvestmentProtocol(_ environment: Environment) -> Bool {
    environment["STREAM_MESSAGES_TABLE_NAME"] != nil && environment["CONNECTION_STORE"] == nil
  }

  /// The region that a host of AWS has in its name, as `abc.execute-api.eu-west-1.amazonaws.com`.
  package static func named(inHost host: String) -> String? {
    let labels = host.split(separator: ".")
    guard host.hasSuffix(".amazonaws.com") || host.hasSuffix(".amazonaws.com.cn"),
      let index = labels.firstIndex(of: "amazonaws"), index > 0
    else { return nil }
    let label = labels[index - 1]
    return label.filter { $0 == "-" }.count >= 2 ? String(label) : nil
  }
}

/// No region is set anywhere.
package struct RegionError: Error, Equatable, Sendable, CustomStringConvertible {
  package let tried: [String]
  package var description: String {
    "no AWS region in \(tried.joined(separator: ", ")); set AWS_REGION, for example AWS_REGION=eu-west-1"
  }
}
