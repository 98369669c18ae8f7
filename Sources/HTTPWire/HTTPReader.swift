/// Reads HTTP/1.1 messages (RFC 9112) out of bytes as they arrive; does no I/O.
///
///     var reader = HTTPReader(.responses)
///     while !reader.isComplete {
///       let used = try reader.consume(bytes)      // never past the end of the message
///       …
///     }
///     reader.status, reader.headers, reader.body
///     reader.reset()                              // the next message of the same connection
///
/// What request smuggling lives on is refused: two lengths, a length beside chunks, spaces before the colon, folded
/// headers, bare line feeds, chunks in HTTP/1.0.
package struct HTTPReader {
  package enum Kind: Sendable {
    case requests
    case responses
  }

  package struct Limits: Sendable {
    package var headBytes: Int
    package var bodyBytes: Int

    package init(headBytes: Int = 64 << 10, bodyBytes: Int = 8 << 20) {
      self.headBytes = headBytes
      self.bodyBytes = bodyBytes
    }
  }

  enum State {
    case head
    case body(remaining: Int)
    case bodyUntilClose
    case chunkSize
    case chunkData(remaining: Int)
    case chunkEnd
    case trailers
    case complete
  }

  private let kind: Kind
  let limits: Limits
  var state = State.head
  private var head = HTTPHead()
  /// The chunk-size line or the trailers, read so far.
  var section = HTTPHead()
  var line: [UInt8] = []
  private var startLine = HTTPStartLine()
  private var endsWithConnection = false

  package private(set) var headers = HTTPHeaders()
  package private(set) var body: [UInt8] = []
  /// The fields after the last chunk.
  package internal(set) var trailers = HTTPHeaders()
  /// Set before the answer to a `HEAD` request is read, which has no body whatever its length says. Holds for one final
  /// answer; interim ones (1xx) before it leave it set.
  package var expectsNoBody = false

  package init(_ kind: Kind, limits: Limits = Limits()) {
    self.kind = kind
    self.limits = limits
  }

  /// Of a response: `200`. Zero until the head was read.
  package var status: Int { startLine.status }
  /// Of a request: `POST`. Empty until the head was read.
  package var method: String { String(decoding: head.bytes[startLine.method], as: UTF8.self) }
  /// Of a request: the target as it came, path and query. Empty until the head was read.
  package var target: String { String(decoding: targetBytes, as: UTF8.self) }
  /// The target's bytes, for those who can do without a text of it.
  package var targetBytes: ArraySlice<UInt8> { head.bytes[startLine.target] }

  /// The other side speaks HTTP/1.0. False until the head was read.
  package var isHTTP10: Bool { startLine.isHTTP10 }

  package var isComplete: Bool {
    if case .complete = state { true } else { false }
  }

  /// True before the first byte of a message: here the other side may close without harm.
  package var isAtStart: Bool {
    if case .head = state { head.bytes.isEmpty } else { false }
  }

  package var hasHead: Bool {
    if case .head = state { false } else { true }
  }

  /// Whether the connection can carry another message after this one.
  package var keepsAlive: Bool {
    if endsWithConnection || headers.contains("connection", token: "close") { return false }
    return !startLine.isHTTP10 || headers.contains("connection", token: "keep-alive")
  }

  /// Ready for the next message; keeps nothing of the last but the buffers.
  package mutating func reset() {
    // An interim answer to HEAD is followed by the one that was expected.
    if status >= 200 { expectsNoBody = false }
    // Given up first, so that the buffers under them can be used again.
    headers = HTTPHeaders()
    trailers = HTTPHeaders()
    head.reset()
    section.reset()
    line.removeAll(keepingCapacity: true)
    body.removeAll(keepingCapacity: body.capacity <= 16 << 10)
    startLine = HTTPStartLine()
    endsWithConnection = false
    state = .head
  }

  /// Moves the body out, leaving none behind. The limit on the body counts from here again.
  package mutating func consumeBody() -> [UInt8] {
    let taken = body
    body = []
    return taken
  }

  /// Reads on; returns how many of the bytes belonged to this message. After an error the message is lost, and with it
  /// the connection.
  package mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    var used = 0
    while used < bytes.count, !isComplete {
      used += try step(UnsafeRawBufferPointer(rebasing: bytes[used...]))
    }
    return used
  }

  /// Reads on in an array; returns how many of its bytes belonged to this message.
  package mutating func consume(_ bytes: [UInt8]) throws(HTTPWireError) -> Int {
    try bytes.span.withUnsafeBytes { bytes throws(HTTPWireError) in try consume(bytes) }
  }

  /// The other side closed the connection: ends a body without length, and is an error inside any other message.
  package mutating func finish() throws(HTTPWireError) {
    switch state {
    case .bodyUntilClose: state = .complete
    case .complete: break
    default: throw HTTPWireError(.truncated)
    }
  }

  mutating func step(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    switch state {
    case .head: return try readHead(bytes)
    case .body(let remaining):
      let count = appendBody(bytes, upTo: remaining)
      state = remaining == count ? .complete : .body(remaining: remaining - count)
      return count
    case .bodyUntilClose:
      try requireRoom(for: bytes.count)
      return appendBody(bytes, upTo: bytes.count)
    case .chunkSize: return try readChunkSize(bytes)
    case .chunkData(let remaining):
      let count = appendBody(bytes, upTo: remaining)
      state = remaining == count ? .chunkEnd : .chunkData(remaining: remaining - count)
      return count
    case .chunkEnd: return try readChunkEnd(bytes)
    case .trailers: return try readTrailers(bytes)
    case .complete: return 0
    }
  }

  private mutating func appendBody(_ bytes: UnsafeRawBufferPointer, upTo remaining: Int) -> Int {
    let count = min(remaining, bytes.count)
    body.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    return count
  }

  func requireRoom(for count: Int) throws(HTTPWireError) {
    guard count <= limits.bodyBytes - body.count else {
      throw HTTPWireError(.bodyTooLarge(maximumBytes: limits.bodyBytes))
    }
  }

  // MARK: Head

  private mutating func readHead(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    // Empty lines may stand before a message (RFC 9112 section 2.2).
    var skipped = 0
    if head.bytes.isEmpty {
      while skipped < bytes.count, bytes[skipped] == 0x0D || bytes[skipped] == 0x0A { skipped += 1 }
    }
    let (used, isWhole) = try head.append(
      UnsafeRawBufferPointer(rebasing: bytes[skipped...]), maximumBytes: limits.headBytes,
      malformed: .malformedStartLine)
    if isWhole { try parseHead() }
    return skipped + used
  }

  private mutating func parseHead() throws(HTTPWireError) {
    startLine = try HTTPStartLine(head: head.bytes, kind: kind)
    try head.readFields(from: startLine.end + 2)
    headers = head.headers
    try beginBody()
  }

  // MARK: Body

  /// RFC 9112 section 6.3.
  private mutating func beginBody() throws(HTTPWireError) {
    if kind == .responses, expectsNoBody || status < 200 || status == 204 || status == 304 {
      state = .complete
      return
    }
    let length = headers.firstIndex("content-length")
    if let encoding = headers.firstIndex("transfer-encoding") {
      guard length == nil else { throw HTTPWireError(.ambiguousLength) }
      // Who speaks HTTP/1.0 does not know chunks: such a header was passed on by somebody who did not understand it.
      guard !startLine.isHTTP10, headers.firstIndex("transfer-encoding", from: encoding + 1) == nil,
        headers.isValue(at: encoding, text: "chunked")
      else { throw HTTPWireError(.unsupportedTransferEncoding) }
      state = .chunkSize
    } else if let length {
      try beginBody(length: try headers.contentLength(from: length))
    } else {
      endsWithConnection = kind == .responses
      state = kind == .requests ? .complete : .bodyUntilClose
    }
  }

  private mutating func beginBody(length: Int) throws(HTTPWireError) {
    try requireRoom(for: length)
    state = length == 0 ? .complete : .body(remaining: length)
    // Not the whole of a large one: it has only been announced.
    body.reserveCapacity(min(length, 1 << 20))
  }
}

extension HTTPReader {
  /// Where a message stands after some bytes.
  package struct Progress {
    /// How many of the bytes belonged to the message.
    package let used: Int
    package let isComplete: Bool
    package let status: Int
    package let keepsAlive: Bool
  }

  /// Reads on in part of an array. One call that tells all a client needs to know at each step: asked one by one, each
  /// answer would copy a reader that is kept in an object.
  package mutating func read(_ bytes: [UInt8], range: Range<Int>) throws(HTTPWireError) -> Progress {
    let result = bytes.withUnsafeBytes { all in
      Result { () throws(HTTPWireError) in try consume(UnsafeRawBufferPointer(rebasing: all[range])) }
    }
    let used = try result.get()
    guard isComplete else { return Progress(used: used, isComplete: false, status: 0, keepsAlive: false) }
    return Progress(used: used, isComplete: true, status: status, keepsAlive: keepsAlive)
  }
}
