import ConnectionStore
import TableBackends
import Telemetry
import TestSupport
import Testing

@Suite("which table the environment names")
struct TableSelectionTests {
  private func refusal(_ values: [String: String]) -> TableError? {
    do throws(TableError) {
      _ = try TableSelection.open(environment: Environment(values))
      return nil
    } catch {
      return error
    }
  }

  @Test("sqlite: opens the file that follows, memory: a table of this process")
  func opens() throws {
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let path = folder.file("odd: name?mode=ro#%41.db")
    let time = SettableClock()
    let table = try TableSelection.open(
      environment: Environment(["CONNECTION_STORE": "sqlite:\(path)"]), clock: time.clock)
    try table.put(Item(key: ItemKey(partition: "p", sort: "s"), expires: time.seconds + 1), if: .always)
    #expect(
      try SQLiteTable(path: path, clock: time.clock).get(ItemKey(partition: "p", sort: "s"), consistency: .strong)
        != nil)
    #expect(try TableSelection.open("memory:") is MemoryTable)
  }

  @Test("an unset variable is named, with an example")
  func unset() {
    let error = refusal([:])
    #expect(error?.code == .unusable)
    #expect(error?.detail.contains("CONNECTION_STORE is not set; for example CONNECTION_STORE=sqlite:/") == true)
  }

  @Test(
    "a DynamoDB table is opened without a call, in the region and at the endpoint of the environment",
    arguments: [["CONNECTION_STORE": "dynamodb:messages"], ["STREAM_MESSAGES_TABLE_NAME": "messages"]])
  func dynamoDB(_ values: [String: String]) throws {
    let environment = values.merging(["AWS_REGION": "eu-west-1"]) { first, _ in first }
    #expect(try TableSelection.open(environment: Environment(environment)) is DynamoDBTable)
  }

  @Test("a DynamoDB table needs a name that can be, and a region")
  func badDynamoDB() {
    #expect(refusal(["CONNECTION_STORE": "dynamodb:a/b", "AWS_REGION": "eu-west-1"])?.detail.contains("'a/b'") == true)
    let withoutRegion = refusal(["CONNECTION_STORE": "dynamodb:messages", "AWS_CONFIG_FILE": "/nowhere"])
    #expect(withoutRegion?.detail.contains("set AWS_REGION") == true)
  }

  @Test("listeners are spread over eight partitions on DynamoDB, or as many as are asked for")
  func shards() throws {
    #expect(try TableSelection.listenerShards(environment: Environment(["CONNECTION_STORE": "dynamodb:messages"])) == 8)
    #expect(
      try TableSelection.listenerShards(environment: Environment(["STREAM_MESSAGES_TABLE_NAME": "messages"])) == 8)
    #expect(try TableSelection.listenerShards(environment: Environment(["CONNECTION_STORE": "sqlite:a"])) == 1)
    #expect(try TableSelection.listenerShards(environment: Environment(["LISTENER_SHARDS": "3"])) == 3)
    #expect(throws: TableError.self) {
      try TableSelection.listenerShards(environment: Environment(["LISTENER_SHARDS": "0"]))
    }
  }

  @Test("CONNECTION_STORE counts more than the name of a DynamoDB table")
  func precedence() {
    #expect(refusal(["CONNECTION_STORE": "memory:", "STREAM_MESSAGES_TABLE_NAME": "messages"]) == nil)
  }

  @Test(
    "what names no table is repeated, with what is allowed",
    arguments: ["redis:host", "sqlite", "sqlite:", "memory", "memory:x", ":", "SQLITE:x", "/var/table.db"])
  func unknown(_ name: String) {
    let error = refusal(["CONNECTION_STORE": name])
    #expect(error?.code == .unusable)
    #expect(
      error?.detail.contains(
        "CONNECTION_STORE=\(name) names no table; allowed are sqlite:PATH, dynamodb:TABLE and memory:") == true)
  }
}
