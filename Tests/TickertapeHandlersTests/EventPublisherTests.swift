import AWS
import HTTPClient
import Telemetry
import TestSupport
import Testing
import TickertapeHandlers

@Suite("publishing from a handler of one's own")
struct EventPublisherTests {
  @Test("each kind of audience has its own payload, and the data stands in it byte for byte")
  func audiences() throws {
    let answer = FunctionAnswer(body: bytes(#"{"accepted":1,"rejected":0,"deliveries":2}"#))
    let function = ScriptedPublisher(Array(repeating: .success(answer), count: 3))
    let publisher = function.publisher()
    let outcome = try publisher.sendToUser("u-\"1", type: "order:filled", data: #"{"price": 152.50}"#)
    _ = try publisher.sendToGroup("desk-7", type: "a", data: "1", correlationID: "c-1")
    _ = try publisher.broadcast(type: "a", data: "null", key: "AAPL", priority: .high, idempotencyKey: "once")
    let made = #""idempotencyKey":"0000000000000000""#
    #expect(
      function.payloads == [
        #"{"events":[{"type":"order:filled","user":"u-\"1",\#(made),"data":{"price": 152.50}}]}"#,
        #"{"events":[{"type":"a","group":"desk-7","correlationId":"c-1",\#(made),"data":1}]}"#,
        #"{"events":[{"type":"a","key":"AAPL","priority":"high","idempotencyKey":"once","data":null}]}"#,
      ])
    #expect(outcome.accepted == 1 && outcome.rejected == [] && outcome.deliveries == 2 && outcome.queued == 0)
  }

  @Test(
    "data that is no JSON value, or more than one, is refused before anything is sent",
    arguments: ["", "1,2", #"1,"user":"x""#, "{"])
  func data(data: String) throws {
    let function = ScriptedPublisher()
    let error = try #require(throws: PublishFailure.self) {
      try function.publisher().broadcast(type: "a", data: data)
    }
    #expect(error.errorType == "InvalidData" && error.message.contains("event 0"))
    #expect(function.payloads == [])
  }

  @Test("of several events those that were refused are reported by their indices")
  func rejected() throws {
    let function = ScriptedPublisher(
      answer:
        #"{"accepted":1,"rejected":1,"deliveries":0,"queued":1,"errors":[{"index":1,"code":"too_large","message":"m"}]}"#
    )
    let outcome = try function.publisher().publish([
      PublishableEvent(type: "a", data: "1"), PublishableEvent(type: "b", data: "2"),
    ])
    #expect(outcome.accepted == 1 && outcome.queued == 1)
    #expect(outcome.rejected.map(\.index) == [1] && outcome.rejected.map(\.code) == ["too_large"])
  }

  @Test("a Publisher that could take nothing fails, and is read as an outcome all the same")
  func nothingPublished() throws {
    let document =
      #"{"errorMessage":"nothing was published: {\"accepted\":0,\"rejected\":1,\"errors\":[{\"index\":0,\"code\":\"reserved_type\",\"message\":\"m\"}]}","errorType":"Function.NothingPublished"}"#
    let function = ScriptedPublisher([.success(FunctionAnswer(body: bytes(document), functionError: "Unhandled"))])
    let outcome = try function.publisher().broadcast(type: "ready", data: "1")
    #expect(outcome.accepted == 0 && outcome.rejected.map(\.code) == ["reserved_type"])
  }

  @Test("what may pass is tried again under the same idempotency keys")
  func again() throws {
    let failed = #"{"errorMessage":"direct: 1 were not published: invoke again","errorType":"Function.NotPublished"}"#
    let function = ScriptedPublisher([
      .failure(HTTPClientError(.closed, tried: "POST", host: "h", message: "closed")),
      .success(FunctionAnswer(body: bytes(failed), functionError: "Unhandled")),
      .success(FunctionAnswer(body: bytes(#"{"accepted":1,"rejected":0,"deliveries":1}"#))),
    ])
    #expect(try function.publisher().broadcast(type: "a", data: "1").accepted == 1)
    #expect(function.payloads.count == 3 && Set(function.payloads).count == 1)
  }

  @Test("what lasts is thrown at once, in the Publisher's words")
  func lasting() throws {
    let failed =
      #"{"errorMessage":"direct: 1 were not published: that does not pass by itself","errorType":"Function.NotPublished"}"#
    let function = ScriptedPublisher([.success(FunctionAnswer(body: bytes(failed), functionError: "Unhandled"))])
    let error = try #require(throws: PublishFailure.self) { try function.publisher().broadcast(type: "a", data: "1") }
    #expect(error.errorType == "Function.NotPublished" && error.message.hasSuffix("by itself"))
    #expect(function.payloads.count == 1)
  }

  @Test(
    "an answer that is none of a Publisher is an error and no outcome",
    arguments: ["", "{}", "[]", #"{"accepted":"1"}"#])
  func otherAnswers(answer: String) {
    #expect(throws: PublishFailure.self) {
      try ScriptedPublisher(answer: answer).publisher().broadcast(type: "a", data: "1")
    }
  }

  @Test("the function is run by Lambda's Invoke API, waited for, and its failure told apart")
  func invokeAPI() throws {
    let server = ScriptedServer { request in
      let error = request.number == 1 ? "" : "X-Amz-Function-Error: Unhandled\r\n"
      return [.text("HTTP/1.1 200 OK\r\n\(error)Content-Length: 2\r\n\r\n{}")]
    }
    defer { server.stop() }
    let invoker = FunctionInvoker(environment: .init(["AWS_ENDPOINT_URL_LAMBDA": server.url]))
    #expect(
      try invoker.invoke("Publisher", payload: bytes("[1]"), milliseconds: 5_000) == FunctionAnswer(body: bytes("{}")))
    #expect(try invoker.invoke("Publisher", payload: [], milliseconds: 5_000).functionError == "Unhandled")
    #expect(server.requests[0].target == "/2015-03-31/functions/Publisher/invocations")
    #expect(server.requests[0].head.contains("X-Amz-Invocation-Type: RequestResponse"))
    #expect(text(server.requests[0].body) == "[1]")
  }
}
