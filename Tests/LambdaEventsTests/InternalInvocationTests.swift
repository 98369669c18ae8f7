import LambdaEvents
import Messaging
import TestSupport
import Testing

@Suite("What one function asks of another")
struct InternalInvocationTests {
  private static let id = ConnectionID("R0oXAdfD0kwCH6w=")!

  static let payloads: [(InternalInvocation, String)] = [
    (.sendPending(stream: "all/price:update"), #"{"sendPending":"all/price:update"}"#),
    (.sendPending(stream: #"user/"\ü"#), #"{"sendPending":"user/\"\\ü"}"#),
    (.lag(stream: "all/signal"), #"{"lag":"all/signal"}"#),
    (.sweep, #"{"sweep":{}}"#), (.sweepEventStreams, #"{"sweepEventStreams":{}}"#),
    (
      .greet(Destination(connectionID: id, domainName: "127.0.0.1:8000", stage: "dev")),
      #"{"greet":"R0oXAdfD0kwCH6w=","domainName":"127.0.0.1:8000","stage":"dev"}"#
    ),
  ]

  @Test("is written as the pages say, and read back as the same", arguments: payloads)
  func roundTrip(invocation: InternalInvocation, payload: String) {
    #expect(text(invocation.encoded()) == payload)
    #expect(InternalInvocation(decoding: bytes(payload)) == invocation)
  }

  @Test("the longest stream name passes, and so does a greeting without an API")
  func extremes() {
    let stream = String(repeating: "s", count: 4_000)
    let invocation = InternalInvocation.lag(stream: stream)
    #expect(InternalInvocation(decoding: invocation.encoded()) == invocation)
    let greeting = Destination(connectionID: Self.id, domainName: "", stage: "")
    #expect(InternalInvocation(decoding: bytes(#"{"greet":"R0oXAdfD0kwCH6w="}"#)) == .greet(greeting))
  }

  @Test(
    "every other payload is none of them",
    arguments: [
      "", "[]", "{}", #"{"type":"signal","data":1}"#, #"{"sendPending":7}"#, #"{"sendPending":"all/a","data":1}"#,
      #"{"lag":"all/a"} x"#, #"{"sweep":{},"sweep":{}}"#, #"{"sweep":}"#, #"{"greet":"a/../b"}"#,
      #"{"greet":"R0oXAdfD0kwCH6w=","body":"x"}"#, #"{"data":{},"sweep":{}}"#,
      "{\"lag\":\"\(String(repeating: "s", count: 4_096))\"}",
    ])
  func others(payload: String) {
    #expect(InternalInvocation(decoding: bytes(payload)) == nil)
  }
}
