import AWS
import ConnectionStore
import HTTPClient
import TableBackends
import Telemetry
import Testing

/// Tables at an emulator of DynamoDB.
enum DynamoDBStage {
  static var credentials: FixedCredentials {
    FixedCredentials(Credentials(accessKeyID: "test", secretAccessKey: "test"))
  }

  /// A new table with a name of its own.
  static func table(at endpoint: String, clock: Clock) throws -> DynamoDBTable {
    let session = try SignedSession(service: "dynamodb", region: "us-east-1", source: credentials)
    let location = DynamoDBLocation(
      table: "t-\(Randomness.system.hexadecimal())", region: "us-east-1", url: try HTTPURL(endpoint))
    let body = """
      {"TableName":"\(location.table)","BillingMode":"PAY_PER_REQUEST",
      "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}],
      "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}
      """
    let answer = try session.send(
      HTTPRequest(
        method: "POST", url: location.url,
        headers: [
          ("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "DynamoDB_20120810.CreateTable"),
        ], body: Array(body.utf8)))
    try #require(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
    return DynamoDBTable(location: location, session: session, clock: clock)
  }
}
