import Telemetry
import TestSupport
import Testing

@testable import LambdaRuntime

@Suite("What Lambda says in the environment")
struct RuntimeSettingsTests {
  private func settings(_ concurrency: String?, maximumDescriptors: Int = 1_024) throws -> RuntimeSettings {
    var environment = ["AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"]
    environment["AWS_LAMBDA_MAX_CONCURRENCY"] = concurrency
    return try RuntimeSettings(Environment(environment), maximumDescriptors: maximumDescriptors)
  }

  @Test("without AWS_LAMBDA_MAX_CONCURRENCY one invocation is served at a time, with it that many")
  func concurrency() throws {
    #expect(try settings(nil).concurrency == 1)
    #expect(try settings("1").concurrency == 1)
    #expect(try settings("256").concurrency == 256)
  }

  @Test("no more are served than have a descriptor each")
  func descriptors() throws {
    #expect(try settings("256", maximumDescriptors: 124).concurrency == 100)
    #expect(try settings("256", maximumDescriptors: 10).concurrency == 1)
    #expect(try settings("100000", maximumDescriptors: 1 << 20).concurrency == 1_000)
  }

  @Test(
    "what is no such number is refused with an example", arguments: ["0", "-1", "many", "1.5", "99999999999999999999"])
  func refused(text: String) throws {
    let error = try #require(throws: (any Error).self) { try settings(text) }
    #expect("\(error)".contains("AWS_LAMBDA_MAX_CONCURRENCY is '\(text)'"))
    #expect("\(error)".contains("for example AWS_LAMBDA_MAX_CONCURRENCY=8"))
  }
}
