import HTTPWire
import TestSupport
import Testing

@testable import LambdaRuntime

/// What goes well, and what the handler does wrong.
@Suite struct InvocationTests {
  @Test("events are answered one after the other, each under its own id, over one connection")
  func answers() throws {
    let run = try Run([.next("[1]", id: "a"), .response(id: "a"), .next("[2]", id: "b"), .response(id: "b")]) {
      event, _ in
      event + bytes("!")
    }
    #expect(run.violations == [])
    #expect(run.lines == ["GET next", "POST a/response", "GET next", "POST b/response", "GET next"])
    #expect([run.requests[1], run.requests[3]].map { text($0.body) } == ["[1]!", "[2]!"])
    #expect(run.requests.allSatisfy { $0.connection == 1 })
    #expect(run.requests[1].headers["content-type"] == "application/json")
    #expect(run.log == [])
  }

  @Test("every header of the event reaches the handler")
  func context() throws {
    var contexts: [InvocationContext] = []
    let headers = [
      ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:1:function:f"),
      ("LAMBDA-RUNTIME-TRACE-ID", "Root=1-2-3"), ("Lambda-Runtime-Aws-Tenant-Id", "tenant"),
      ("Lambda-Runtime-Client-Context", #"{"a":1}"#), ("Lambda-Runtime-Cognito-Identity", #"{"b":2}"#),
      ("Content-Type", "application/json"),
    ]
    let run = try Run([.next(headers: headers), .response(), .next(), .response()]) { _, context in
      contexts.append(context)
      return []
    }
    #expect(run.violations == [])
    let full = contexts[0]
    #expect(full.requestID == "id-1")
    #expect(full.deadlineMilliseconds == 1_793_613_630_123)
    #expect(full.invokedFunctionARN == "arn:aws:lambda:eu-west-1:1:function:f")
    #expect(full.traceID == "Root=1-2-3")
    #expect(full.tenantID == "tenant")
    #expect(full.clientContext == #"{"a":1}"#)
    #expect(full.cognitoIdentity == #"{"b":2}"#)
    #expect(full.contentType == "application/json")
    let bare = contexts[1]
    #expect(bare.invokedFunctionARN == "")
    #expect(
      [bare.traceID, bare.tenantID, bare.clientContext, bare.cognitoIdentity, bare.contentType] == [
        nil, nil, nil, nil, nil,
      ])
    #expect(run.traces == ["Root=1-2-3", nil])
  }

  @Test("the id of the delivery goes back with the answer, and only where one came")
  func invocationID() throws {
    let delivery = [("Lambda-Runtime-Invocation-Id", "delivery-7")]
    let run = try Run([
      .next(headers: delivery), .response(), .next("error", headers: delivery), .error(), .next(), .response(),
    ]) { event, _ in
      if event == bytes("error") { throw Unnamed() }
      return event
    }
    #expect(run.violations == [])
    let echoed = run.requests.map { $0.headers["lambda-runtime-invocation-id"] }
    #expect(echoed == [nil, "delivery-7", nil, "delivery-7", nil, nil, nil])
  }

  @Test("a request id that a caller chose cannot leave its place in the path")
  func hostileID() throws {
    let run = try Run([.next(id: "a/../b?c#d%é f"), .response(id: "a%2F..%2Fb%3Fc%23d%25%C3%A9%20f")])
    #expect(run.violations == [])
  }

  @Test("a handler that throws answers an error, and the next event is taken")
  func throwing() throws {
    let run = try Run([.next(), .error(), .next(id: "id-2"), .response(id: "id-2")]) { _, context in
      if context.requestID == "id-1" { throw Unnamed() }
      return bytes("fine")
    }
    #expect(run.violations == [])
    #expect(run.requests[1].headers["lambda-runtime-function-error-type"] == "Function.Unnamed")
    #expect(
      text(run.requests[1].body) == #"{"errorMessage":"it \"broke\"","errorType":"Function.Unnamed","stackTrace":[]}"#)
    #expect(text(run.requests[3].body) == "fine")
    #expect(run.log.count == 1)
    #expect(run.log[0].contains(#""level":"ERROR""#) && run.log[0].contains(#""requestId":"id-1""#))
  }

  @Test("an error names its type; one that Lambda would not keep is counted as unknown")
  func errorTypes() {
    func header(_ type: String) -> String { Failure(Named(errorType: type)).headerType }
    #expect(header("Function.NoSuchStream") == "Function.NoSuchStream")
    #expect(header("Runtime.MarshalError") == "Runtime.MarshalError")
    for type in [
      "", "Unhandled", "Function.", "Function.x", "Function.A", "Function.No1", "Function.A\r\nX: y", "F.Ab",
    ] {
      #expect(header(type) == "Function.Unknown", "\(type)")
      #expect(Failure(Named(errorType: type)).type == type)
    }
    #expect(Failure(Unnamed()).headerType == "Function.Unnamed")
    #expect(Failure(lowercase()).headerType == "Function.Lowercase")
    #expect(Failure(Generic<Int>()).headerType == "Function.Generic")
  }

  @Test("an answer of 6 MiB and 100 bytes is sent, one byte more is reported as too large")
  func sizeLimit() throws {
    let maximum = 6 * 1024 * 1024 + 100
    let run = try Run([.next(id: "a"), .response(id: "a"), .next(id: "b"), .error(id: "b")]) { _, context in
      [UInt8](repeating: 0x20, count: context.requestID == "a" ? maximum : maximum + 1)
    }
    #expect(run.violations == [])
    #expect(run.requests[1].body.count == maximum)
    #expect(run.requests[3].headers["lambda-runtime-function-error-type"] == "Function.ResponseSizeTooLarge")
    #expect(text(run.requests[3].body).contains("6291557 bytes"))
  }

  @Test("an event of 6 MiB arrives whole")
  func largeEvent() throws {
    let event = String(repeating: "0123456789abcdef", count: 6 * 65536)
    var isWhole = false
    let run = try Run([.next(event), .response()]) { received, _ in
      isWhole = received == bytes(event)
      return []
    }
    #expect(run.violations == [])
    #expect(isWhole)
  }

  @Test("a function that cannot start says so and takes no event")
  func initError() throws {
    let run = try Run([.initError()]) { throw Named(errorType: "Runtime.NoTable") }
    #expect(run.violations == [])
    #expect(run.end == nil)
    #expect(run.lines == ["POST init/error"])
    #expect(run.requests[0].headers["lambda-runtime-function-error-type"] == "Runtime.NoTable")
    #expect(text(run.requests[0].body).contains(#""errorType":"Runtime.NoTable""#))
  }

  private struct Unnamed: Error, CustomStringConvertible { var description: String { #"it "broke""# } }
  private struct Named: LambdaError { let errorType: String }
  private struct lowercase: Error {}
  private struct Generic<Value>: Error {}
}
