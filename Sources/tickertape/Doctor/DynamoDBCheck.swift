import ConnectionStore
import TableBackends
import Telemetry

/// A DynamoDB table, looked at as the functions would call it: is it there, is it the right one, may it be used?
struct DynamoDBCheck {
  /// A table that does not answer is not waited for longer.
  private static let timeoutMilliseconds: Int64 = 5_000

  let table: String
  let context: CommandContext

  func checks() -> [Check] {
    let clock = context.clock
    let deadline = CallDeadline()
    let now = clock.milliseconds()
    deadline.set(milliseconds: now + Self.timeoutMilliseconds, now: now)
    do throws(TableError) {
      let open = try DynamoDBTable.open(table, environment: context.environment, clock: clock, deadline: deadline)
      return judge(try open.diagnose())
    } catch {
      return [
        .wrong(
          "table", finding: "dynamodb:\(table): \(error)",
          advice: "AWS_REGION, AWS_PROFILE and AWS_ENDPOINT_URL say where")
      ]
    }
  }

  private func judge(_ found: TableDiagnosis) -> [Check] {
    guard let status = found.status else {
      return [
        .note("table", finding: "dynamodb:\(table) answers; its keys cannot be told: DescribeTable is not allowed"),
        expiry(found),
      ].compactMap { $0 }
    }
    guard found.keys == TableDiagnosis.rightKeys else {
      let (has, needs) = (found.keys.joined(separator: ", "), TableDiagnosis.rightKeys.joined(separator: ", "))
      return [
        .wrong(
          "table", finding: "dynamodb:\(table) has the key \(has), not \(needs)",
          advice: "infra/deploy.sh makes a right one")
      ]
    }
    guard status == "ACTIVE" || status == "UPDATING" else {
      return [.wrong("table", finding: "dynamodb:\(table) is \(status)", advice: "wait until it is ACTIVE")]
    }
    return [.fine("table", finding: "dynamodb:\(table), \(status.lowercased())"), expiry(found)].compactMap { $0 }
  }

  /// What is expired counts as absent in any case, but only DynamoDB deletes it.
  private func expiry(_ found: TableDiagnosis) -> Check? {
    let right = TableDiagnosis.rightExpiryAttribute
    guard found.mayAskForExpiry else {
      return .note("time to live", finding: "it cannot be told: DescribeTimeToLive is not allowed")
    }
    if found.expiryAttribute == right { return .fine("time to live", finding: "by \(right)") }
    let finding = found.expiryAttribute.map { "by \($0), not \(right)" } ?? "off"
    return .note(
      "time to live", finding: "\(finding): nothing that is old is ever deleted",
      advice: "aws dynamodb update-time-to-live --table-name \(table) --time-to-live-specification "
        + "Enabled=true,AttributeName=\(right)")
  }
}
