import HTTPWire
import LambdaEvents
import Telemetry
import Testing

@testable import LocalGateway

@Suite("Faults of streams", .timeLimit(.minutes(5)))
struct HTTPFaultTests {
  /// A stream of function `f` under a fault, with its client.
  private func begin(_ fault: Fault) throws -> (HTTPFunctionStage, LoopbackClient, RuntimeDouble) {
    let stage = try HTTPFunctionStage(faults: [fault])
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude()
    try stage.wait(client, toHave: "200 OK")
    return (stage, client, runtime)
  }

  /// Whether the client still lacks the text when everything had its turn.
  private func lacks(_ stage: HTTPFunctionStage, _ client: LoopbackClient, _ text: String) -> Bool {
    stage.settle()
    return !stage.text(client).contains(text)
  }

  @Test("the first write is held till the second; what follows goes at once")
  func firstHeld() throws {
    let (stage, client, runtime) = try begin(Fault(.firstChunkHeld, rate: 1))
    runtime.chunk("one")
    #expect(lacks(stage, client, "one"))
    runtime.chunk("two")
    try stage.wait(client, toHave: "onetwo")
    runtime.chunk("three")
    try stage.wait(client, toHave: "three")
    try stage.stop()
  }

  @Test("each write is held till the next, which a second tiny write cures, or sixteen kilobytes")
  func late() throws {
    let (stage, client, runtime) = try begin(Fault(.chunkLate, rate: 1))
    runtime.chunk("one")
    #expect(lacks(stage, client, "one"))
    runtime.chunk(":\n\n")
    try stage.wait(client, toHave: "one")
    #expect(lacks(stage, client, ":\n\n"))
    runtime.chunk([UInt8](repeating: 0x78, count: 16 << 10))
    try stage.wait(client, toHave: "xxx")
    #expect(!lacks(stage, client, ":\n\n"))
    runtime.chunk("last")
    #expect(lacks(stage, client, "last"))
    runtime.finish()
    #expect(String(decoding: try stage.answer(client).body, as: UTF8.self).hasSuffix("last"))
    try stage.stop()
  }

  @Test("small writes are held till there is enough of them, or the end")
  func small() throws {
    var fault = Fault(.chunksHeld, rate: 1)
    fault.bytes = 10
    let (stage, client, runtime) = try begin(fault)
    for text in ["123", "456"] { runtime.chunk(text) }
    #expect(lacks(stage, client, "123"))
    runtime.chunk("7890")
    try stage.wait(client, toHave: "1234567890")
    runtime.chunk("rest")
    #expect(lacks(stage, client, "rest"))
    runtime.finish()
    #expect(try stage.answer(client).body == Array("1234567890rest".utf8))
    try stage.stop()
  }

  @Test("an answer without a byte of a body is left open; one byte cures it")
  func emptyBody() throws {
    var fault = Fault(.emptyBodyHeld, rate: 1)
    fault.milliseconds = 50
    let (stage, client, runtime) = try begin(fault)
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    #expect(!stage.text(client).hasSuffix("0\r\n\r\n"))
    #expect(try stage.answer(client).body.isEmpty)
    let second = try stage.get()
    try runtime.next()
    runtime.begin()
    runtime.prelude(#"{"statusCode":200}"#, "\n")
    runtime.finish()
    _ = try runtime.answer()
    #expect(try stage.answer(second).body == [0x0A])
    #expect(stage.loop.clock.monotonicMilliseconds() >= 0)
    try stage.stop()
  }

  @Test("a stream is cut in the middle, and its function not told")
  func cut() throws {
    var fault = Fault(.streamCut, rate: 1)
    fault.within = 20
    let (stage, client, runtime) = try begin(fault)
    runtime.chunk("data")
    try stage.functions.wait("the cut") { client.hasEnded }
    #expect(!stage.text(client).hasSuffix("0\r\n\r\n"))
    #expect(stage.logLines.contains { $0.contains(#""end":"fault""#) })
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    try stage.stop()
  }

  @Test("another function's streams are left alone")
  func otherFunction() throws {
    var fault = Fault(.chunkLate, rate: 1)
    fault.function = "g"
    let (stage, client, runtime) = try begin(fault)
    runtime.chunk("one")
    try stage.wait(client, toHave: "one")
    try stage.stop()
  }
}
