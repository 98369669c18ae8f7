/// What a function does with events whose answers are streamed: begun at once, written over seconds or minutes.
///
/// A clock, which says the time once a second until the invocation has a second left:
///
///     struct TimeStream: StreamingLambdaHandler {
///       var now: Int64 = 0
///
///       mutating func open(_ event: [UInt8], context: InvocationContext, writer: ResponseWriter) throws -> Int {
///         try writer.begin(200, headers: [("Content-Type", "text/event-stream")])
///         writer.write(Array(": hello\n\n".utf8))      // at least a byte at once: without one a front may wait
///         return 0
///       }
///
///       mutating func prepare(nowMilliseconds: Int64) { now = nowMilliseconds }
///
///       mutating func resume(_ count: inout Int, writer: ResponseWriter) throws -> StreamStep {
///         guard count < 60 else { return .end }
///         count += 1
///         writer.write(Array("data: \(now)\n\n".utf8))
///         return .wait(milliseconds: 1_000 - now % 1_000)
///       }
///     }
///
///     LambdaRuntime.run(streaming: TimeStream())
///
/// One process serves one answer at a time, or `AWS_LAMBDA_MAX_CONCURRENCY` of them, all in one loop: no function here
/// may block for longer than all open answers can wait. The loop waits without using the processor.
///
/// An answer that is whole at once is `begin`, `write` and `.end` from the first `resume`.
public protocol StreamingLambdaHandler {
  /// What is kept of one answer while it is open.
  associatedtype Answer

  /// Begins the answer to an event. `resume` follows in the same turn of the loop.
  ///
  /// An error that is thrown here or by `resume` fails this answer and no other: before the first byte has left it is
  /// the outcome of the invocation, as with a `LambdaHandler`; afterwards the client keeps what it got, and Lambda is
  /// told in the trailers of the response.
  mutating func open(_ event: [UInt8], context: InvocationContext, writer: ResponseWriter) throws -> Answer

  /// Once a turn of the loop before the answers that are due are resumed: one read of a table here serves all of them.
  ///
  /// `nowMilliseconds` is the time of a clock that never goes back, in which the waits of `StreamStep` are counted.
  /// Answers that wait until the same of its moments are resumed in the same turn.
  mutating func prepare(nowMilliseconds: Int64)

  /// Goes on with an answer, whose time has come or whose writer has room again.
  ///
  /// What is written here leaves together when this returns.
  mutating func resume(_ answer: inout Answer, writer: ResponseWriter) throws -> StreamStep

  /// Exactly once for each answer that `open` returned: it is over, and `resume` is not called again.
  mutating func close(_ answer: Answer, reason: StreamEndReason)
}

extension StreamingLambdaHandler {
  /// Does nothing.
  public mutating func prepare(nowMilliseconds: Int64) {}

  /// Does nothing.
  public mutating func close(_ answer: Answer, reason: StreamEndReason) {}
}

/// When an open answer is resumed again, or that it ends.
public enum StreamStep: Equatable, Sendable {
  /// After that time; at least one millisecond.
  case wait(milliseconds: Int64)
  /// As soon as the writer has room (`ResponseWriter.hasRoom`), or else after that time: whoever takes nothing for too
  /// long is not waited for any more. At most every millisecond where there is room and nothing was written.
  case waitForRoom(milliseconds: Int64)
  /// The answer is whole. What was written is still sent.
  case end
}

/// Why an answer is over.
public enum StreamEndReason: Equatable, Sendable {
  /// `resume` said `.end`.
  case ended
  /// `resume` threw.
  case failed
  /// The other side closed the connection or refused the answer.
  ///
  /// Lambda never says that a client has left: there the function runs on, and is billed, until it ends by itself. The
  /// local gateway keeps that rule.
  case gone
  /// The Runtime API failed, and with it the process ends.
  case stopped
}
