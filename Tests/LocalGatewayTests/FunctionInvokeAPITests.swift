import HTTPWire
import LambdaEvents
import Messaging
import Testing

@testable import LocalGateway

@Suite("The Lambda Invoke API", .timeLimit(.minutes(10)))
struct FunctionInvokeAPITests {
  @Test(
    "a function is invoked by name, alias, partial or whole ARN",
    arguments: ["f", "f:live", "000000000000:function:f", "arn:aws:lambda:us-east-1:000000000000:function:f%3Alive"])
  func names(name: String) throws {
    let stage = try InvokeStage()
    let answer = try stage.post("/2015-03-31/functions/\(name)/invocations", #"{"n":152.50}"#)
    #expect(answer.status == 200 && answer.body == #"{"n":152.50}"#)
    #expect(answer.headers["x-amz-executed-version"] == "$LATEST")
    #expect(answer.headers["x-amz-function-error"] == nil)
    #expect(answer.headers["x-amzn-requestid"]?.utf8.count == 36)
    try stage.stop()
  }

  @Test("no payload is an empty object")
  func noPayload() throws {
    let stage = try InvokeStage()
    #expect(try stage.invoke("").body == "{}")
    try stage.stop()
  }

  @Test("a function's error is a 200 with a header and the error document")
  func functionError() throws {
    let stage = try InvokeStage()
    let answer = try stage.invoke(#""error""#)
    #expect(answer.status == 200 && answer.headers["x-amz-function-error"] == "Unhandled")
    #expect(answer.body == #"{"errorMessage":"broken","errorType":"Broken"}"#)
    let crash = try stage.invoke(#""crash""#)
    #expect(crash.headers["x-amz-function-error"] == "Unhandled" && crash.body.contains("Runtime.ExitError"))
    try stage.stop()
  }

  @Test("the end of the log comes along when it is asked for")
  func logTail() throws {
    let stage = try InvokeStage()
    let answer = try stage.invoke(#""print""#, headers: [("X-Amz-Log-Type", "Tail")])
    let bytes = try #require(Base64.decode((answer.headers["x-amz-log-result"] ?? "").utf8))
    let log = String(decoding: bytes, as: UTF8.self)
    #expect(log.hasPrefix("START RequestId: \(answer.headers["x-amzn-requestid"] ?? "?")"))
    #expect(log.contains("first line\nsecond line\nEND ") && log.contains("\nREPORT "))
    try stage.stop()
  }

  @Test("the client context reaches the function decoded")
  func clientContext() throws {
    let stage = try InvokeStage()
    let context = Base64.encode(Array(#"{"custom":{"k":1}}"#.utf8))
    let answer = try stage.invoke(#""headers""#, headers: [("X-Amz-Client-Context", context)])
    #expect(answer.body.contains(#"Lambda-Runtime-Client-Context: {"custom":{"k":1}}"#))
    let refused = try stage.invoke("{}", headers: [("X-Amz-Client-Context", "***")])
    #expect(refused.status == 400)
    try stage.stop()
  }

  @Test("a dry run is answered 204 and runs nothing")
  func dryRun() throws {
    let stage = try InvokeStage()
    #expect(try stage.invoke(#""pid""#, headers: [("X-Amz-Invocation-Type", "DryRun")]).status == 204)
    #expect(stage.functions.lines.isEmpty)
    try stage.stop()
  }

  @Test("an event is answered 202 at once and tried three times in all, with one request id")
  func event() throws {
    let stage = try InvokeStage()
    let answer = try stage.invoke(#""error""#, headers: [("X-Amz-Invocation-Type", "Event")])
    #expect(answer.status == 202 && answer.body.isEmpty)
    let id = try #require(answer.headers["x-amzn-requestid"])
    try stage.functions.wait("its giving up") { stage.functions.lines.contains { $0.hasPrefix("EVENT ") } }
    #expect(stage.functions.lines.filter { $0.hasPrefix("START RequestId: \(id)") }.count == 3)
    #expect(stage.functions.lines.last == "EVENT RequestId: \(id) given up after Function.Broken")
    try stage.stop()
  }

  @Test(
    "what cannot be run is refused with the exception the SDKs know",
    arguments: [
      (path: "nobody/invocations", body: "{}", kind: "RequestResponse", status: 404, type: "ResourceNotFoundException"),
      ("f/invocations", "not JSON", "RequestResponse", 400, "InvalidRequestContentException"),
      ("f/invocations", "{}", "Sometimes", 400, "InvalidParameterValueException"),
      ("a%20b/invocations", "{}", "RequestResponse", 400, "InvalidParameterValueException"),
      ("%zz/invocations", "{}", "RequestResponse", 400, "InvalidParameterValueException"),
      ("f/invocations?Qualifier=a%0Ab", "{}", "RequestResponse", 400, "InvalidParameterValueException"),
    ])
  func refusals(path: String, body: String, kind: String, status: Int, type: String) throws {
    let stage = try InvokeStage()
    let answer = try stage.post("/2015-03-31/functions/\(path)", body, headers: [("X-Amz-Invocation-Type", kind)])
    #expect(answer.status == status && answer.headers["x-amzn-errortype"] == type)
    #expect(answer.body.contains(#""message":"#))
    try stage.stop()
  }

  @Test("a payload of 127 levels is taken, and of a deeper one the depth is reported")
  func deep() throws {
    let stage = try InvokeStage()
    func nested(levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(try stage.invoke(nested(levels: 127)).status == 200)
    let answer = try stage.invoke(nested(levels: 128))
    #expect(answer.status == 400 && answer.headers["x-amzn-errortype"] == "InvalidRequestContentException")
    #expect(answer.body.contains("nested deeper than 127 levels"), "\(answer.body)")
    try stage.stop()
  }

  @Test("payloads over 6 MB, and over 1 MB for events, are refused with 413")
  func tooLarge() throws {
    let stage = try InvokeStage()
    let large = "\"" + String(repeating: "x", count: 1 << 20) + "\""
    #expect(try stage.invoke(large).status == 200)
    let event = try stage.invoke(large, headers: [("X-Amz-Invocation-Type", "Event")])
    #expect(event.status == 413 && event.headers["x-amzn-errortype"] == "RequestTooLargeException")
    #expect(try stage.invoke("\"" + String(repeating: "x", count: 6 << 20) + "\"").status == 413)
    try stage.stop()
  }

  @Test("when every environment is busy and the queue is full the answer is 429")
  func throttled() throws {
    let stage = try InvokeStage { $0.queueLength = 0 }
    let answer = try stage.invoke("{}")
    #expect(answer.status == 429 && answer.headers["x-amzn-errortype"] == "TooManyRequestsException")
    try stage.stop()
  }

  @Test("other paths are left to others, other methods are refused")
  func otherRequests() throws {
    let stage = try InvokeStage()
    #expect(try stage.post("/2015-03-31/functions/f", "{}").status == 404)
    #expect(try stage.request("GET", "/2015-03-31/functions/f/invocations", "").status == 405)
    try stage.stop()
  }

  @Test("request ids are UUIDs of version 4")
  func requestIDs() {
    let groups = InvokeStage.randomUUID().split(separator: "-")
    #expect(groups.map(\.count) == [8, 4, 4, 4, 12])
    #expect(groups[2].first == "4" && "89ab".contains(groups[3].first ?? "?"))
  }
}
