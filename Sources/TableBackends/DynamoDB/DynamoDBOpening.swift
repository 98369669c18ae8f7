import AWS
package import ConnectionStore
import HTTPClient
package import Telemetry

extension DynamoDBTable {
  /// The table of that name, where the environment says: `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`, else the
  /// service of the region. Nothing is called yet.
  package static func open(
    _ name: String, environment: Environment, clock: Clock = .system, deadline: CallDeadline = CallDeadline()
  ) throws(TableError) -> DynamoDBTable {
    guard isTableName(name) else {
      throw unusable("'\(name)' is no name of a DynamoDB table: 3 to 255 of A-Z a-z 0-9 _ . -")
    }
    do {
      let region = try Region.find(environment: environment)
      let endpoint =
        environment["AWS_ENDPOINT_URL_DYNAMODB"] ?? environment["AWS_ENDPOINT_URL"]
        ?? "https://dynamodb.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")"
      let session = try SignedSession(
        service: "dynamodb", region: region, source: CredentialChain(environment: environment))
      return DynamoDBTable(
        location: DynamoDBLocation(table: name, region: region, url: try HTTPURL(endpoint)), session: session,
        clock: clock,
        deadline: deadline)
    } catch {
      throw unusable("\(error)")
    }
  }

  private static func isTableName(_ name: String) -> Bool {
    (3...255).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }

  private static func unusable(_ detail: String) -> TableError {
    TableError(code: .unusable, operation: "open", detail: detail)
  }
}
