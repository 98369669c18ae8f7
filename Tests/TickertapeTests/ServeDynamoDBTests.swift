import LocalGateway
import TestSupport
import Testing

@testable import tickertape

@Suite("serve and doctor on DynamoDB")
struct ServeDynamoDBTests {
  private static let caller = [
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-west-1", "AWS_PROFILE": "work", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2", "AWS_CONFIG_FILE": "config", "TLS_ROOTS": "system",
    "AWS_CA_BUNDLE": "/etc/roots.pem", "AWS_LAMBDA_FUNCTION_NAME": "mine", "AWS_EXECUTION_ENV": "x", "HOME": "/home/u",
  ]

  private func variables(
    _ store: String, _ environment: [String: String], _ words: [String] = []
  ) throws
    -> [String: String]
  {
    let context = Screen().context(environment: environment)
    let arguments = try Arguments(["--store", store] + words, for: ServeCommand.syntax)
    let run = ServeRun(settings: try ServeSettings(arguments, in: context), in: context)
    return run.functionSettings(port: 8000, store: store).environment
  }

  @Test("the functions of a DynamoDB table get the caller's way to AWS, and nothing else of the caller's")
  func handedOn() throws {
    let variables = try variables("dynamodb:messages", Self.caller)
    for name in [
      "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_PROFILE",
      "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "TLS_ROOTS", "AWS_CA_BUNDLE", "HOME",
    ] {
      #expect(variables[name] == Self.caller[name], "\(name)")
    }
    #expect(variables["AWS_DEFAULT_REGION"] == "eu-west-1")
    #expect(variables["AWS_CONFIG_FILE"] == System.absolutePath(path: "config"))
    #expect(variables["AWS_LAMBDA_FUNCTION_NAME"] == nil && variables["AWS_EXECUTION_ENV"] == nil)
    // The functions call one another through the gateway all the same.
    #expect(variables["AWS_ENDPOINT_URL_LAMBDA"] == "http://127.0.0.1:8000")
  }

  @Test("a profile counts, because no made-up keys stand before it, and so does its region")
  func profile() throws {
    let folder = try Scratch()
    let config = folder.write("config", "[profile work]\nregion = ap-south-1\n")
    let variables = try variables("dynamodb:messages", ["AWS_PROFILE": "work", "AWS_CONFIG_FILE": config])
    #expect(variables["AWS_ACCESS_KEY_ID"]?.isEmpty == true && variables["AWS_SESSION_TOKEN"]?.isEmpty == true)
    #expect(variables["AWS_REGION"] == "ap-south-1" && variables["AWS_PROFILE"] == "work")
  }

  @Test("the functions of a file get none of it")
  func file() throws {
    let variables = try variables("sqlite:t", Self.caller)
    #expect(
      variables.keys.filter { $0.hasPrefix("AWS_") }.sorted() == ["AWS_ENDPOINT_URL_LAMBDA", "AWS_LAMBDA_LOG_LEVEL"])
    #expect(!variables.values.contains { ["AKIDEXAMPLE", "secret", "token"].contains($0) })
  }

  @Test("--env stands over what is handed on")
  func overridden() throws {
    let variables = try variables("dynamodb:messages", Self.caller, ["--env", "AWS_REGION=us-west-2"])
    #expect(variables["AWS_REGION"] == "us-west-2")
  }

  @Test("without a region serve says where it looked, before anything starts")
  func noRegion() {
    let screen = Screen()
    let environment = ["AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"]
    let words = ["serve", "--store", "dynamodb:messages", "--route", "$connect=E", "--route", "$disconnect=E"]
    let code = Tool.run(
      words + ["--route", "$default=E", "--function", "E=/bin/true"],
      in: screen.context(environment: environment))
    #expect(code == .usage)
    #expect(screen.errorText.contains("dynamodb:messages: no AWS region in AWS_REGION"))
  }

  // MARK: doctor

  private static let described = """
    {"Table":{"TableStatus":"ACTIVE","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
    {"AttributeName":"sk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},
    {"AttributeName":"sk","KeyType":"RANGE"}],"ItemCount":7}}
    """

  /// The lines about the table that doctor prints, with an endpoint that answers so.
  private func doctor(_ answers: [String: (Int, String)]) throws -> [String] {
    let server = ScriptedServer { request in
      let answer = answers.first { request.head.contains(".\($0.key)") }?.value ?? (400, "{}")
      return [
        .text(
          "HTTP/1.1 \(answer.0) X\r\nContent-Length: \(answer.1.utf8.count)\r\n\r\n\(answer.1)")
      ]
    }
    defer { server.stop() }
    let screen = Screen()
    var environment = Self.caller
    environment["AWS_ENDPOINT_URL_DYNAMODB"] = server.url
    _ = Tool.run(
      ["doctor", "--store", "dynamodb:messages"],
      in: screen.context(environment: environment) { _ in .init(status: 404, body: #"{"Message":"no"}"#) })
    return screen.outputLines.filter { $0.contains("table") || $0.contains("time to live") || $0.contains("disk") }
  }

  private static func expiry(_ status: String, _ attribute: String) -> (Int, String) {
    (200, #"{"TimeToLiveDescription":{"TimeToLiveStatus":"\#(status)","AttributeName":"\#(attribute)"}}"#)
  }

  @Test("a table that can be used, with its key and its time to live, is fine")
  func fine() throws {
    let lines = try doctor([
      "DescribeTable": (200, Self.described), "DescribeTimeToLive": Self.expiry("ENABLED", "expires"),
    ])
    #expect(lines == ["ok     table               dynamodb:messages, active", "ok     time to live        by expires"])
  }

  @Test("a table that deletes nothing is noted, with the command that changes it")
  func noExpiry() throws {
    let lines = try doctor([
      "DescribeTable": (200, Self.described), "DescribeTimeToLive": (200, #"{"TimeToLiveDescription":{}}"#),
    ])
    #expect(lines.count == 3 && lines[1].hasPrefix("note   time to live        off"))
    #expect(lines[2].contains("update-time-to-live --table-name messages"))
    let other = try doctor([
      "DescribeTable": (200, Self.described), "DescribeTimeToLive": Self.expiry("ENABLED", "ttl"),
    ])
    #expect(other[1].contains("by ttl, not expires"))
  }

  @Test("a table that is absent, another's, or closed to the caller is wrong, with what was said")
  func wrong() throws {
    let absent = try doctor([
      "DescribeTable": (400, #"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#)
    ])
    #expect(absent[0].hasPrefix("wrong  table") && absent[0].contains("there is no table messages in eu-west-1"))
    let others = try doctor([
      "DescribeTable": (200, Self.described.split(separator: "\"sk\"").joined(separator: "\"sort\""))
    ])
    #expect(others[0].contains("has the key pk HASH S, sort RANGE S, not pk HASH S, sk RANGE S"))
    let closed = try doctor([
      "DescribeTable": (400, #"{"__type":"x#UnrecognizedClientException","message":"no such key"}"#)
    ])
    #expect(closed[0].hasPrefix("wrong  table") && closed[0].contains("no such key"))
  }

  @Test("a caller who may read but not describe is told so, and that the table answers")
  func mayNotDescribe() throws {
    let denial = (400, #"{"__type":"x#AccessDeniedException","message":"not authorized"}"#)
    let lines = try doctor([
      "DescribeTable": denial, "DescribeTimeToLive": denial, "GetItem": (200, "{}"),
    ])
    #expect(lines[0].hasPrefix("note   table") && lines[0].contains("answers"))
    #expect(lines[1].hasPrefix("note   time to live"))
    let nothing = try doctor(["DescribeTable": denial, "GetItem": denial])
    #expect(nothing[0].hasPrefix("wrong  table") && nothing[0].contains("not authorized"))
  }
}
