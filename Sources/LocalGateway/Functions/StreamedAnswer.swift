import HTTPWire
import Telemetry

/// What takes a function's answer while it comes: the front's part of a streamed invocation. How it ends the
/// invocation's completion tells: `.response` for a whole answer, anything else for one that was broken off.
protocol AnswerReceiver: AnyObject {
  /// Called before the first byte; `contentType` is what the function says of what follows.
  func begin(_ answer: StreamedAnswer, contentType: String?)
  /// `endsChunk` tells that something the function wrote at once is whole.
  func received(_ bytes: [UInt8], endsChunk: Bool)
}

/// Lambda's bounds of a streamed answer (AWS Lambda Developer Guide, "Response streaming for Lambda functions").
struct AnswerLimits {
  /// 200 MB.
  var maximumBytes = 200 << 20
  /// Passed on as fast as it comes: 6 MB.
  var burstBytes = 6 << 20
  /// Beyond that: 2 MB a second. Nil: no bound.
  var bytesPerSecond: Int? = 2 << 20
}

/// A function's answer on its way, from the connection that its runtime posts it on to the receiver: bounded, slowed to
/// Lambda's rate, and stopped while the receiver takes nothing.
final class StreamedAnswer: HTTPBodyReceiver {
  private weak var runner: FunctionRunner?
  private let environment: FunctionEnvironment
  private let delivery: Delivery
  private let responder: HTTPResponder
  private let receiver: any AnswerReceiver
  private let loop: EventLoop
  private var rate: StreamRate
  private let maximumBytes: Int
  private(set) var byteCount = 0
  private var isHeldByReceiver = false
  private var isHeldByRate = false
  private var isOver = false

  init(
    of delivery: Delivery, environment: FunctionEnvironment, runner: FunctionRunner, receiver: any AnswerReceiver,
    responder: HTTPResponder
  ) {
    self.delivery = delivery
    self.environment = environment
    self.runner = runner
    self.receiver = receiver
    self.responder = responder
    loop = runner.loop
    maximumBytes = runner.configuration.stream.maximumBytes
    rate = StreamRate(runner.configuration.stream, now: runner.loop.clock.monotonicMilliseconds())
  }

  // MARK: From the function

  func received(_ bytes: [UInt8], endsChunk: Bool) {
    guard !isOver else { return }
    byteCount += bytes.count
    guard byteCount <= maximumBytes else {
      return runner?.failAnswer(
        of: delivery, environment: environment, refusal: .streamTooLarge(maximumBytes: maximumBytes),
        type: "Function.ResponseSizeTooLarge",
        message: "Response payload size exceeded maximum allowed payload size (\(maximumBytes) bytes).") ?? ()
    }
    slow(for: bytes.count)
    receiver.received(bytes, endsChunk: endsChunk)
  }

  func completed(trailers: HTTPHeaders) {
    guard !isOver else { return }
    isOver = true
    runner?.complete(
      delivery, environment: environment, lateError: trailers["lambda-runtime-function-error-type"],
      responder: responder)
  }

  func truncated() {
    guard !isOver else { return }
    runner?.truncatedAnswer(of: delivery, environment: environment)
  }

  // MARK: From the receiver

  /// Nothing more is read from the function.
  func pause() {
    isHeldByReceiver = true
    responder.pauseBody()
  }

  func resume() {
    isHeldByReceiver = false
    resumeIfFree()
  }

  // MARK: From the runner

  /// The invocation ended in another way: what the function still sends is refused, and its connection closed.
  func breakOff(_ refusal: RuntimeAPI.Refusal) {
    guard !isOver else { return }
    isOver = true
    responder.refuse(refusal)
  }

  // MARK: Rate

  private func slow(for bytes: Int) {
    let wait = rate.milliseconds(afterBytes: bytes, now: loop.clock.monotonicMilliseconds())
    guard wait > 0, !isHeldByRate else { return }
    isHeldByRate = true
    responder.pauseBody()
    loop.schedule(afterMilliseconds: wait) { [weak self] in
      guard let self else { return }
      isHeldByRate = false
      resumeIfFree()
    }
  }

  private func resumeIfFree() {
    guard !isHeldByReceiver, !isHeldByRate, !isOver else { return }
    responder.resumeBody()
  }
}

/// Lambda's rate as a bucket: full at first, filled again with time, and in debt by what came beyond it.
struct StreamRate {
  private let limits: AnswerLimits
  private var tokens: Double
  private var since: Int64

  init(_ limits: AnswerLimits, now: Int64) {
    self.limits = limits
    tokens = Double(limits.burstBytes)
    since = now
  }

  /// How long nothing more may be read after these bytes.
  mutating func milliseconds(afterBytes bytes: Int, now: Int64) -> Int64 {
    guard let bytesPerSecond = limits.bytesPerSecond else { return 0 }
    let perMillisecond = Double(bytesPerSecond) / 1000
    tokens = min(Double(limits.burstBytes), tokens + Double(now - since) * perMillisecond) - Double(bytes)
    since = now
    return tokens >= 0 ? 0 : Int64((-tokens / perMillisecond).rounded(.up))
  }
}
