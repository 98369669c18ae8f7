import AWS
import ConnectionStore
import HTTPClient
import TableBackends
import Telemetry
import TestSupport
import Testing

/// What no emulator does by itself: a server that answers as DynamoDB does on its bad days.
@Suite("DynamoDB's refusals")
struct DynamoDBFaultTests {
  let clock = SettableClock()
  let key = ItemKey(partition: "p", sort: "s")

  private static func answer(_ status: Int, _ body: String, headers: String = "") -> [ScriptedServer.Step] {
    [
      .text(
        "HTTP/1.1 \(status) X\r\nContent-Type: application/x-amz-json-1.0\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
    ]
  }

  private static func refusal(_ type: String, _ status: Int = 400, message: String = "message") -> [ScriptedServer.Step]
  {
    answer(status, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#\(type)\",\"\(message)\":\"said so\"}")
  }

  private func table(_ server: ScriptedServer, deadline: CallDeadline = CallDeadline()) throws -> DynamoDBTable {
    let session = try SignedSession(service: "dynamodb", region: "eu-west-1", source: DynamoDBStage.credentials)
    return DynamoDBTable(
      location: DynamoDBLocation(table: "messages", region: "eu-west-1", url: try HTTPURL(server.url)),
      session: session,
      clock: clock.clock,
      deadline: deadline)
  }

  /// Refuses the first so many calls, then answers.
  private func server(
    refusing count: Int, with refusal: [ScriptedServer.Step],
    then answer: [ScriptedServer.Step] = Self.answer(200, "{}")
  ) -> ScriptedServer {
    ScriptedServer { $0.number <= count ? refusal : answer }
  }

  @Test(
    "what may pass is tried again: throttling, faults inside, conflicts",
    arguments: [
      ("ProvisionedThroughputExceededException", 400), ("ThrottlingException", 400), ("RequestLimitExceeded", 400),
      ("InternalServerError", 500), ("", 503), ("TransactionConflictException", 400),
      ("TransactionInProgressException", 400), ("ReplicatedWriteConflictException", 400),
    ])
  func triedAgain(type: String, status: Int) throws {
    let server = server(refusing: 3, with: Self.refusal(type, status))
    defer { server.stop() }
    try table(server).put(Item(key: key), if: .absent)
    #expect(server.requests.count == 4)
  }

  @Test("a minute of throttling is reported as throttling, after a wait that grows")
  func throttledForLong() throws {
    let server = ScriptedServer { _ in Self.refusal("ThrottlingException") }
    defer { server.stop() }
    let start = clock.clock.milliseconds()
    let refusal = code { try table(server).put(Item(key: key), if: .always) }
    #expect(refusal == .throttled)
    #expect(server.requests.count == 16)
    #expect(clock.clock.milliseconds() - start > 5_000)
    #expect(clock.clock.milliseconds() - start < 60_000)
  }

  @Test(
    "throttling that does not end is told before the invocation does, with time left for the answer",
    arguments: [3_000, 10_000, 29_000, 60_000] as [Int64])
  func throttledUntilTheDeadline(milliseconds: Int64) throws {
    let undone = #"{"UnprocessedItems":{"messages":[{"DeleteRequest":{"Key":{"pk":{"S":"p"},"sk":{"S":"s"}}}}]}}"#
    let server = ScriptedServer { request in
      request.head.contains("BatchWriteItem")
        ? Self.answer(200, undone) : Self.refusal("ProvisionedThroughputExceededException")
    }
    defer { server.stop() }
    let deadline = CallDeadline()
    let table = try table(server, deadline: deadline)
    let verbs: [() throws -> Void] = [
      { _ = try table.get(key, consistency: .strong) }, { try table.put(Item(key: key), if: .always) },
      { _ = try table.update(key, change: .adding(1, to: "n"), if: .always) },
      { _ = try table.query(Query(partition: "p")) },
      { try table.transact([.put(Item(key: key))]) }, { try table.writeBatch([.delete(key)]) },
      { _ = try table.get([key, ItemKey(partition: "p", sort: "t")]) },
    ]
    for verb in verbs {
      let start = clock.clock.milliseconds()
      deadline.set(milliseconds: start + milliseconds, now: start)
      #expect(code(verb) == .throttled || code(verb) == .contention)
      let reserve = min(2_000, milliseconds / 4)
      #expect(clock.clock.milliseconds() <= start + milliseconds - reserve)
    }
  }

  @Test("keys that DynamoDB did not look at are asked for again, and those only")
  func unprocessedKeys() throws {
    let left =
      #"{"Responses":{"messages":[{"pk":{"S":"p"},"sk":{"S":"1"},"n":{"N":"7"}}]},"#
      + #""UnprocessedKeys":{"messages":{"ConsistentRead":true,"Keys":[{"pk":{"S":"p"},"sk":{"S":"2"}}]}}}"#
    let rest = #"{"Responses":{"messages":[{"sk":{"S":"2"},"pk":{"S":"p"}}]},"UnprocessedKeys":{}}"#
    let server = ScriptedServer { Self.answer(200, $0.number == 1 ? left : rest) }
    defer { server.stop() }
    let keys = ["1", "2", "3"].map { ItemKey(partition: "p", sort: $0) }
    let items = try table(server).get(keys)
    #expect(items == [Item(key: keys[0], attributes: ["n": .number(7)]), Item(key: keys[1]), nil])
    #expect(server.requests.count == 2)
    #expect(server.requests.allSatisfy { $0.head.contains("BatchGetItem") })
    let again = String(decoding: server.requests[1].body, as: UTF8.self)
    #expect(again.contains(#""S":"2""#) && !again.contains(#""S":"1""#) && !again.contains(#""S":"3""#))
  }

  @Test("a call that could not end before the deadline is not made, and the next invocation has its own time")
  func noTimeLeft() throws {
    let server = ScriptedServer { _ in Self.answer(200, "{}") }
    defer { server.stop() }
    let deadline = CallDeadline()
    let table = try table(server, deadline: deadline)
    let now = clock.clock.milliseconds()
    deadline.set(milliseconds: now + 100, now: now)
    #expect(code { _ = try table.get(key, consistency: .strong) } == .unavailable)
    #expect(server.requests.isEmpty)
    deadline.set(milliseconds: now + 10_000, now: now)
    #expect(try table.get(key, consistency: .strong) == nil)
  }

  @Test("a table that takes a call and never answers is waited for no longer than the invocation may take")
  func silent() throws {
    let server = ScriptedServer { _ in [.silence] }
    defer { server.stop() }
    let deadline = CallDeadline()
    let session = try SignedSession(service: "dynamodb", region: "eu-west-1", source: DynamoDBStage.credentials)
    // The machine's own clock: libcurl waits by it.
    let table = DynamoDBTable(
      location: DynamoDBLocation(table: "messages", region: "eu-west-1", url: try HTTPURL(server.url)),
      session: session,
      deadline: deadline)
    let now = Clock.system.milliseconds()
    deadline.set(milliseconds: now + 1_000, now: now)
    #expect(code { _ = try table.get(key, consistency: .strong) } == .unavailable)
    // The first attempt took what there was.
    #expect(server.requests.count == 1)
  }

  private func code(_ body: () throws -> Void) -> TableError.Code? {
    do { try body() } catch { return (error as? TableError)?.code }
    return nil
  }

  private func error(_ body: () throws -> Void) -> TableError? {
    do { try body() } catch { return error as? TableError }
    return nil
  }

  @Test("a table that is not there is named, with its region and endpoint and what to do")
  func noTable() throws {
    let server = server(refusing: 99, with: Self.refusal("ResourceNotFoundException"))
    defer { server.stop() }
    let error = error { _ = try table(server).get(key, consistency: .strong) }
    #expect(error?.code == .unusable)
    #expect(error?.detail.contains("no table messages in eu-west-1 at \(server.url)") == true)
    #expect(error?.detail.contains("infra/deploy.sh") == true)
    #expect(server.requests.count == 1)
  }

  @Test(
    "a refusal for want of rights or keys is not tried again and says what was said", arguments: ["message", "Message"])
  func denied(message: String) throws {
    let server = server(refusing: 99, with: Self.refusal("AccessDeniedException", message: message))
    defer { server.stop() }
    let error = error { try table(server).put(Item(key: key), if: .always) }
    #expect(error?.code == .unusable)
    #expect(error?.detail.contains("AccessDeniedException: said so") == true)
    #expect(server.requests.count == 1)
  }

  @Test("an answer whose checksum does not fit, that is cut, or that never comes is asked for again")
  func brokenAnswers() throws {
    let broken: [[ScriptedServer.Step]] = [
      Self.answer(200, "{}", headers: "x-amz-crc32: 1\r\n"),
      [.text("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"It"), .close],
      [.close], [.reset],
    ]
    for steps in broken {
      let server = server(
        refusing: 1, with: steps, then: Self.answer(200, "{}", headers: "x-amz-crc32: 2745614147\r\n"))
      defer { server.stop() }
      #expect(try table(server).get(key, consistency: .strong) == nil)
      #expect(server.requests.count == 2)
    }
  }

  @Test("a sum is not added twice: where its answer was lost the caller learns of it")
  func sumsAreNotRepeated() throws {
    let server = server(refusing: 1, with: [.close])
    defer { server.stop() }
    #expect(code { _ = try table(server).update(key, change: .adding(1, to: "n"), if: .always) } == .unavailable)
    #expect(server.requests.count == 1)
  }

  @Test("a transaction is repeated under the token of its first try")
  func token() throws {
    let server = server(refusing: 1, with: [.close])
    defer { server.stop() }
    try table(server).transact([.put(Item(key: key))])
    let bodies = server.requests.map(\.body)
    #expect(bodies.count == 2 && bodies[0] == bodies[1])
    #expect(text(bodies[0]).contains("\"ClientRequestToken\":\""))
  }

  @Test("a transaction that met another one, or a throttle, is tried again; one whose conditions fail is not")
  func cancelled() throws {
    func cancelled(_ codes: String...) -> [ScriptedServer.Step] {
      let reasons = codes.map { "{\"Code\":\"\($0)\",\"Message\":null}" }.joined(separator: ",")
      return Self.answer(
        400,
        "{\"__type\":\"com.amazonaws.dynamodb.v20120810#TransactionCanceledException\",\"Message\":\"m\",\"CancellationReasons\":[\(reasons)]}"
      )
    }
    let writes: [TransactionWrite] = [
      .put(Item(key: key), if: .absent), .put(Item(key: ItemKey(partition: "p", sort: "t")), if: .absent),
    ]
    let passing = server(refusing: 2, with: cancelled("None", "TransactionConflict"))
    defer { passing.stop() }
    try table(passing).transact(writes)
    #expect(passing.requests.count == 3)
    let failing = server(refusing: 9, with: cancelled("ConditionalCheckFailed", "None"))
    defer { failing.stop() }
    #expect(code { try table(failing).transact(writes) } == .transactionFailed([0]))
    #expect(failing.requests.count == 1)
  }

  @Test("writes of a batch that were left undone are done, and only those")
  func unprocessed() throws {
    let left = """
      {"UnprocessedItems":{"messages":[{"PutRequest":{"Item":{"pk":{"S":"p"},"sk":{"S":"3"}}}},
      {"DeleteRequest":{"Key":{"pk":{"S":"p"},"sk":{"S":"4"}}}}]}}
      """
    let server = server(refusing: 1, with: Self.answer(200, left), then: Self.answer(200, "{\"UnprocessedItems\":{}}"))
    defer { server.stop() }
    try table(server).writeBatch(
      (0..<4).map { .put(Item(key: ItemKey(partition: "p", sort: "\($0)"))) } + [
        .delete(ItemKey(partition: "p", sort: "4"))
      ])
    let bodies = server.requests.map { text($0.body) }
    #expect(bodies.count == 2)
    #expect(
      bodies[1].contains("\"S\":\"3\"") && bodies[1].contains("\"S\":\"4\"") && !bodies[1].contains("\"S\":\"2\""))
  }

  @Test("nobody listening, and no credentials, are reported with where was looked")
  func unreachable() throws {
    let server = ScriptedServer { _ in [.close] }
    let table = try table(server)
    server.stop()
    let error = error { _ = try table.get(key, consistency: .strong) }
    #expect(error?.code == .unavailable)
    #expect(error?.detail.contains("127.0.0.1") == true)
    let environment = Environment([
      "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true",
      "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    ])
    let without = self.error {
      _ = try DynamoDBTable.open("messages", environment: environment).get(key, consistency: .strong)
    }
    #expect(without?.code == .unusable)
    #expect(without?.detail.contains("AWS_ACCESS_KEY_ID") == true)
  }
}
