import HTTPWire
import LambdaEvents
import Messaging
import Telemetry

/// One request to a function over HTTP, from its event to the end of its answer.
///
/// The client's part and the function's end apart: a client that goes is not told to the function, which runs on to its
/// own end and whose bytes are thrown away meanwhile; a function that ends in the middle of its answer leaves the client
/// a body that is not whole.
final class HTTPFunctionCall: AnswerReceiver {
  /// What the client is owed.
  private enum Client {
    case answer
    /// The head, of which a part has come.
    case head(PreludeReader)
    case body(HTTPResponseStream)
    /// Nothing any more.
    case nothing
  }

  /// What may wait for a client before nothing more is read from the function, beside one piece of at most 64 KB and what
  /// the kernel keeps.
  static let maximumPendingBytes = 64 << 10

  let function: String
  private let functions: HTTPFunctions
  private let responder: HTTPResponder
  private let log: Log
  private let requestID: String
  private let beganAt: Int64
  /// When the function last wrote something.
  private var lastWrite: Int64
  private var client = Client.answer
  /// How the client's part ended.
  private var end: String?
  private var answer: StreamedAnswer?
  private var hold: ChunkHold?
  private var status = 0
  private var sentBytes = 0

  private var front: HTTPFront { functions.configuration.front }
  private var now: Int64 { functions.loop.clock.monotonicMilliseconds() }

  init(
    _ request: HTTPRequest, function: String, context: Invocation.Context, functions: HTTPFunctions,
    responder: HTTPResponder
  ) {
    self.function = function
    self.functions = functions
    self.responder = responder
    requestID = context.requestID ?? ""
    beganAt = functions.loop.clock.monotonicMilliseconds()
    lastWrite = beganAt
    let log = functions.log.with([
      "function": .text(function), "requestId": .identifier(requestID), "method": .text(request.method),
      "path": .text(String(request.path)),
    ])
    let correlation = request.headers["x-correlation-id"].flatMap { CorrelationID($0) }
    self.log = correlation.map { log.with(["correlationId": .text($0.text)]) } ?? log
  }

  var isStreaming: Bool {
    if case .body = client { true } else { false }
  }

  var pendingBytes: Int {
    if case .body(let stream) = client { stream.pendingBytes } else { 0 }
  }

  // MARK: The function's answer, while it comes

  func begin(_ answer: StreamedAnswer, contentType: String?) {
    self.answer = answer
    lastWrite = now
    guard case .answer = client else { return }
    if front == .restAPI || contentType == Self.preludeType {
      client = .head(PreludeReader())
    } else {
      sendHead(HTTPAnswer(200, headers: [("Content-Type", contentType ?? "application/octet-stream")]))
    }
  }

  private static let preludeType = "application/vnd.awslambda.http-integration-response"

  func received(_ bytes: [UInt8], endsChunk: Bool) {
    lastWrite = now
    guard case .head(var reader) = client else { return write(bytes, endsChunk: endsChunk) }
    switch reader.consume(bytes) {
    case .incomplete: client = .head(reader)
    case .tooLarge: refuse(.badPrelude)
    case .whole(let prelude, let body):
      do throws(HTTPAnswerError) {
        let head = try HTTPAnswer(prelude: prelude, from: front)
        guard head.status >= 200 else { return refuse(.badPrelude) }
        sendHead(head)
        if !body.isEmpty { write(Array(body), endsChunk: endsChunk) }
      } catch {
        log.warn("the prelude of an answer is none", ["error": .text(error.description)])
        refuse(.badPrelude)
      }
    }
  }

  private func write(_ bytes: [UInt8], endsChunk: Bool) {
    guard case .body(let stream) = client else { return }
    let bytes = hold?.pass(bytes, endsChunk: endsChunk) ?? bytes
    sentBytes += bytes.count
    stream.write(bytes)
    if stream.pendingBytes > Self.maximumPendingBytes { answer?.pause() }
  }

  private func sendHead(_ head: HTTPAnswer) {
    status = head.status
    let isOpen = responder.isOpen
    guard let stream = responder.stream(status: head.status, headers: headers(of: head)) else {
      // Of HEAD, 204 and 304 this is all.
      return close(isOpen ? "complete" : "client gone")
    }
    client = .body(stream)
    stream.on(gone: { [weak self] in self?.clientGone() }, drained: { [weak self] in self?.answer?.resume() })
    beginFaults()
  }

  private func headers(of answer: HTTPAnswer) -> [(name: String, value: String)] {
    answer.headers + answer.cookies.map { (name: "Set-Cookie", value: $0) }
      + [(name: front.requestIDHeader, value: requestID)]
  }

  // MARK: Ends

  /// The function is not told.
  private func clientGone() {
    close("client gone")
    answer?.resume()
  }

  /// The client gets no more; whatever the function still writes is thrown away.
  private func close(_ end: String) {
    guard self.end == nil else { return }
    self.end = end
    client = .nothing
    hold = nil
    log.debug(
      "http request",
      [
        "status": .number(Int64(status)), "bytes": .number(Int64(sentBytes)), "end": .text(end),
        "milliseconds": .number(now - beganAt),
      ])
  }

  private func refuse(_ refusal: HTTPFunctionRefusal) {
    status = refusal.status(front)
    responder.refuse(refusal, front: front, requestID: requestID)
    close("refused")
  }

  /// Ends the client's connection inside the body.
  private func cut(_ end: String) {
    guard case .body(let stream) = client else { return }
    close(end)
    stream.cut()
    answer?.resume()
  }

  /// The invocation has ended.
  func ended(_ outcome: InvocationOutcome) {
    defer { answer = nil }
    switch client {
    case .nothing: break
    case .answer: answerAtOnce(outcome)
    case .head: refuse(.badPrelude)
    case .body(let stream):
      guard case .response = outcome else { return cut("broken off") }
      finish(stream)
    }
  }

  private func finish(_ stream: HTTPResponseStream) {
    if sentBytes == 0, hold == nil, let milliseconds = functions.faults?.emptyBodyHeld(of: function) {
      functions.loop.schedule(afterMilliseconds: milliseconds) { self.finishNow(stream) }
    } else {
      finishNow(stream)
    }
  }

  private func finishNow(_ stream: HTTPResponseStream) {
    if let rest = hold?.release() {
      sentBytes += rest.count
      stream.write(rest)
    }
    close("complete")
    stream.finish()
  }

  // MARK: An answer of one piece

  private func answerAtOnce(_ outcome: InvocationOutcome) {
    switch outcome {
    case .response(let document): respond(document)
    case .timedOut: refuse(.timedOut)
    case .throttled: refuse(.throttled)
    case .functionError, .unknownFunction: refuse(.badAnswer)
    }
  }

  private func respond(_ document: [UInt8]) {
    // A REST API that streams takes no answer without a prelude.
    guard front != .restAPI else { return refuse(.badPrelude) }
    guard let whole = wholeAnswer(document), whole.status >= 200 else { return refuse(.badAnswer) }
    status = whole.status
    sentBytes = whole.body.count
    responder.respond(status: whole.status, headers: headers(of: whole), body: whole.body)
    close("complete")
  }

  private func wholeAnswer(_ document: [UInt8]) -> HTTPAnswer? {
    if let answer = try? HTTPAnswer(decoding: document, from: front) { return answer }
    // What a function streams behind a front that does not: status and headers arrive, the body does not.
    var reader = PreludeReader()
    guard case .whole(let prelude, _) = reader.consume(document) else { return nil }
    return try? HTTPAnswer(prelude: prelude, from: front)
  }

  // MARK: Time

  func checkTime(now: Int64) {
    guard isStreaming else { return }
    let configuration = functions.configuration
    if let idle = configuration.idleMilliseconds, now - lastWrite >= idle { cut("idle") }
    if let maximum = configuration.maximumMilliseconds, now - beganAt >= maximum { cut("maximum duration") }
  }

  // MARK: Faults

  private func beginFaults() {
    guard let faults = functions.faults else { return }
    hold = faults.hold(of: function)
    faults.prepareCut(of: function, on: functions.loop) { [weak self] in
      self?.isStreaming ?? false
    } cut: {
      [weak self] in
      self?.cut("fault")
    }
  }
}
