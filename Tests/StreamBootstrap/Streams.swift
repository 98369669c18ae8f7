import LambdaEvents
import LambdaRuntime

/// A function for the system tests, which streams what the query asks for:
///
/// - `count` lines `data: N`, one each `every` milliseconds (10 at once without);
/// - `bytes`: each line with so many bytes more;
/// - `fail`: throws `at` the start, or in the middle;
/// - `status`, `cookie`: those of the answer.
struct Streams: StreamingLambdaHandler {
  struct Answer {
    let count: Int
    let every: Int64
    let padding: [UInt8]
    let failsInTheMiddle: Bool
    var sent = 0
  }

  mutating func open(_ event: [UInt8], context: InvocationContext, writer: ResponseWriter) throws -> Answer {
    let event = try HTTPEvent(decoding: event)
    if event.query["fail"] == "at" { throw AskedTo() }
    try writer.begin(
      event.query["status"].flatMap { Int($0) } ?? 200,
      headers: [("Content-Type", "text/event-stream"), ("X-Path", event.path)],
      cookies: event.query["cookie"].map { [$0] } ?? [])
    writer.write(Array(": \(context.requestID)\n\n".utf8))
    return Answer(
      count: event.query["count"].flatMap { Int($0) } ?? 10, every: event.query["every"].flatMap { Int64($0) } ?? 0,
      padding: [UInt8](
        repeating: UInt8(ascii: "x"), count: min(event.query["bytes"].flatMap { Int($0) } ?? 0, 1 << 20)),
      failsInTheMiddle: event.query["fail"] == "middle")
  }

  mutating func resume(_ answer: inout Answer, writer: ResponseWriter) throws -> StreamStep {
    while answer.sent < answer.count {
      guard writer.hasRoom else { return .waitForRoom(milliseconds: 60_000) }
      if answer.failsInTheMiddle, answer.sent == answer.count / 2 { throw AskedTo() }
      answer.sent += 1
      writer.write(Array("data: \(answer.sent)".utf8) + answer.padding + [0x0A, 0x0A])
      if answer.every > 0 { return .wait(milliseconds: answer.every) }
    }
    return .end
  }
}

private struct AskedTo: LambdaError, CustomStringConvertible {
  var errorType: String { "Function.AskedTo" }
  var description: String { "the event asked for it" }
}
