import LambdaEvents
import LambdaRuntime

// Where the front cannot stream.
extension ServeStreams {
  /// A stream as an answer in one piece, at once: what its client gets first, and the closing frame, which says when to come back and
  /// from where. So nothing is lost, and each event is late by the wait. A front that collects answers would drop the body of a
  /// streamed one.
  mutating func answerWhole(_ event: HTTPEvent, context: InvocationContext, writer: ResponseWriter) throws -> Answer {
    let collected = ResponseWriter()
    let answer = try answer(event, context: context, writer: collected)
    var body = collected.consumeBody()
    if case .stream(let open) = answer {
      try end(open, writer: collected)
      body += collected.consumeBody()
    }
    guard let head = collected.consumeHead() else { return .whole }
    writer.answer(HTTPAnswer(head.status, headers: head.headers, body: body).encoded(for: event.context.front))
    return .whole
  }

  private mutating func end(_ open: OpenStream, writer: ResponseWriter) throws {
    if open.stream.end == nil { open.stream.end = .whole }
    defer { close(.stream(open), reason: .ended) }
    _ = try open.stream.step(writer)
  }
}
