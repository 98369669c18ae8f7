/// Where a handler writes one streamed answer.
///
/// Nothing is sent while the handler runs: what it writes in one call leaves as one chunk when it returns. What the
/// other side has not taken waits here, and `hasRoom` says when that is enough:
///
///     while writer.hasRoom, let page = answer.nextPage() { writer.write(page) }
///     return answer.isOver ? .end : .waitForRoom(milliseconds: 300_000)
public final class ResponseWriter {
  /// While this much waits there is no room.
  public static let roomBytes = 64 << 10
  /// What a handler writes without room may wait as well, up to this in all. More fails the answer
  /// (`Function.NoRoom`): nobody reads it.
  public static let maximumPendingBytes = 1 << 20

  /// What `begin` was given, until the loop (or a test) takes it.
  private var head: ResponseHead?
  private var body: [UInt8] = []
  private var document: [UInt8]?
  /// Bytes of this answer that the loop has taken and the socket has not, chunk sizes included.
  var unsentBytes = 0
  /// The first misuse: the answer fails by it as soon as the handler returns.
  private(set) var fault: ResponseWriterError?

  /// Whether `begin` or `answer` was called.
  public private(set) var hasBegun = false
  /// Of the body, in all.
  private(set) var writtenBytes = 0
  /// The answer is over, and nothing that is written arrives: the other side closed, or the answer has ended.
  public package(set) var isGone = false

  /// For tests of a handler; the runtime makes its own. `consumeHead` and `consumeBody` stand for the socket.
  public init() {}

  /// What was written and not yet taken by the socket.
  public var pendingBytes: Int { body.count + unsentBytes }

  /// Whether more should be written now. One write of any size is taken while there is room.
  public var hasRoom: Bool { pendingBytes < Self.roomBytes }

  /// Begins the answer, once and before the first `write`. At least one byte should be written in the same call: fronts
  /// hold back a head without a body.
  ///
  /// Throws where a header could not be sent as it is; then nothing has begun.
  public func begin(
    _ status: Int, headers: [(name: String, value: String)] = [], cookies: [String] = []
  ) throws(ResponseHeadError) {
    begin(try ResponseHead(status, headers: headers, cookies: cookies))
  }

  /// As above, with a head that was checked before.
  public func begin(_ head: ResponseHead) {
    guard !hasBegun else { return fail(.begunTwice) }
    hasBegun = true
    self.head = head
  }

  /// Appends to the body.
  public func write(_ bytes: some Collection<UInt8>) {
    guard hasBegun, document == nil else { return fail(.notBegun) }
    guard !isGone, !bytes.isEmpty else { return }
    guard hasRoom || pendingBytes + bytes.count <= Self.maximumPendingBytes else { return fail(.noRoom) }
    body.append(contentsOf: bytes)
    writtenBytes += bytes.count
  }

  /// Answers in one piece instead, with what a `LambdaHandler` would return: for a front that cannot stream, and would
  /// take a prelude for the body. `resume` says `.end` next.
  ///
  ///     writer.answer(HTTPAnswer(200, body: page).encoded(for: event.context.front))
  public func answer(_ document: [UInt8]) {
    guard !hasBegun else { return fail(.begunTwice) }
    hasBegun = true
    self.document = document
  }

  /// The answer in one piece, if there is one and it was not taken before. For tests of a handler.
  public func consumeDocument() -> [UInt8]? {
    defer { document = nil }
    return document
  }

  /// The head, if it was not taken before. For tests of a handler.
  public func consumeHead() -> ResponseHead? {
    defer { head = nil }
    return head
  }

  /// What was written since the last time. For tests of a handler.
  public func consumeBody() -> [UInt8] {
    defer { body = [] }
    return body
  }

  private func fail(_ error: ResponseWriterError) {
    fault = fault ?? error
  }
}

/// A handler used its writer in a way that cannot work.
public enum ResponseWriterError: LambdaError, Equatable, CustomStringConvertible {
  case begunTwice
  case notBegun
  /// `maximumPendingBytes` wait, and more was written.
  case noRoom

  /// `Function.NoRoom` or `Function.ResponseWriterMisuse`.
  public var errorType: String { self == .noRoom ? "Function.NoRoom" : "Function.ResponseWriterMisuse" }

  /// What is wrong, and what is allowed.
  public var description: String {
    switch self {
    case .begunTwice: "an answer begins once, and is streamed or in one piece"
    case .notBegun: "an answer that is streamed begins (status, headers) before its first byte"
    case .noRoom: "the other side does not take what is written: \(ResponseWriter.maximumPendingBytes) bytes wait"
    }
  }
}
