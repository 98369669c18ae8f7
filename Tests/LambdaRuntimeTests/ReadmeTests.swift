import HTTPWire
import TestSupport
import Testing

@testable import LambdaRuntime

@Suite struct ReadmeTests {
  @Test("the example of the README answers with its connection's id")
  func example() throws {
    var example = WhoAmI()
    let run = try Run([.next(#"{"requestContext":{"connectionId":"Ab1="}}"#), .response(), .next("{}"), .error()]) {
      try example.handle($0, context: $1)
    }
    #expect(run.violations == [])
    #expect(text(run.requests[1].body) == #"{"statusCode":200,"body":"Ab1="}"#)
    #expect(run.requests[3].headers["lambda-runtime-function-error-type"] == "Function.NoConnection")
  }
}
