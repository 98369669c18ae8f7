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
/// headers, bare line feeds.
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

  private enum State {
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
  private let limits: Limits
  private var state = State.head
  /// The head, or the chunk-size or trailer line, read so far.
  private var pending: [UInt8] = []
  private var isHTTP10 = false

  /// Of a request: `POST`. Empty until the head was read.
  package private(set) var method = ""
  /// Of a request: the target as it came, path and query.
  package private(set) var target = ""
  /// Of a response: `200`. Zero until the head was read.
  package private(set) var status = 0
  package private(set) var headers = HTTPHeaders()
  package private(set) var body: [UInt8] = []
  /// The fields after the last chunk.
  package private(set) var trailers = HTTPHeaders()
  /// Set for the answer to a `HEAD` request, which has no body whatever its length says.
  package var expectsNoBody = false

  package init(_ kind: Kind, limits: Limits = Limits()) {
    self.kind = kind
    self.limits = limits
  }

  package var isComplete: Bool {
    if case .complete = state { true } else { false }
  }

  /// True before the first byte of a message: here the other side may close without harm.
  package var isAtStart: Bool {
    if case .head = state { pending.isEmpty } else { false }
  }

  package var hasHead: Bool {
    if case .head = state { false } else { true }
  }

  /// Whether the connection can carry another message after this one.
  package var keepsAlive: Bool {
    if case .bodyUntilClose = state { return false }
    guard headers.has("connection") else { return !isHTTP10 }
    if headers.contains("connection", token: "close") { return false }
    return !isHTTP10 || headers.contains("connection", token: "keep-alive")
  }

  /// Ready for the next message; keeps nothing of the last but the buffers.
  package mutating func reset() {
    state = .head
    pending.removeAll(keepingCapacity: pending.capacity <= 16 << 10)
    body.removeAll(keepingCapacity: body.capacity <= 16 << 10)
    headers = HTTPHeaders()
    trailers = HTTPHeaders()
    method = ""
    target = ""
    status = 0
  }

  /// Moves the body out, leaving none behind.
  package mutating func takeBody() -> [UInt8] {
    let taken = body
    body = []
    return taken
  }

  /// Reads on; returns how many of the bytes belonged to this message.
  package mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    var used = 0
    while used < bytes.count || isReadyWithoutBytes {
      if case .complete = state { break }
      used += try step(UnsafeRawBufferPointer(rebasing: bytes[used...]))
    }
    return used
  }

  /// The other side closed the connection: ends a body without length, and is an error inside any other message.
  package mutating func finish() throws(HTTPWireError) {
    switch state {
    case .bodyUntilClose: state = .complete
    case .complete: break
    default: throw HTTPWireError(.truncated)
    }
  }

  private var isReadyWithoutBytes: Bool {
    switch state {
    case .body(remaining: 0), .chunkData(remaining: 0): true
    default: false
    }
  }

  private mutating func step(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    switch state {
    case .head: return try readHead(bytes)
    case .body(let remaining):
      let count = min(remaining, bytes.count)
      body.append(contentsOf: bytes[..<count])
      state = remaining == count ? .complete : .body(remaining: remaining - count)
      return count
    case .bodyUntilClose:
      guard body.count + bytes.count <= limits.bodyBytes else {
        throw HTTPWireError(.bodyTooLarge(maximumBytes: limits.bodyBytes))
      }
      body.append(contentsOf: bytes)
      return bytes.count
    case .chunkSize:
      return try readLine(bytes) { reader, line throws(HTTPWireError) in try reader.beginChunk(line) }
    case .chunkData(let remaining):
      let count = min(remaining, bytes.count)
      body.append(contentsOf: bytes[..<count])
      state = remaining == count ? .chunkEnd : .chunkData(remaining: remaining - count)
      return count
    case .chunkEnd:
      return try readLine(bytes) { reader, line throws(HTTPWireError) in
        guard line.isEmpty else { throw HTTPWireError(.malformedChunk) }
        reader.state = .chunkSize
      }
    case .trailers: return try readTrailers(bytes)
    case .complete: return 0
    }
  }

  // MARK: Head

  private mutating func readHead(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    guard let (used, end) = try appendThroughBlankLine(bytes) else { return bytes.count }
    let head = pending
    pending.removeAll(keepingCapacity: true)
    try parseHead(head, end: end)
    return used
  }

  /// Moves bytes to `pending` up to and with the blank line; nil (all bytes moved) if it has not come yet.
  private mutating func appendThroughBlankLine(
    _ bytes: UnsafeRawBufferPointer
  ) throws(HTTPWireError) -> (used: Int, end: Int)? {
    // A client may send an empty line before its request (RFC 9112 section 2.2).
    var skipped = 0
    if pending.isEmpty, case .head = state {
      while skipped < bytes.count, bytes[skipped] == 0x0D || bytes[skipped] == 0x0A { skipped += 1 }
    }
    var place = skipped
    while place < bytes.count {
      guard let lineFeed = bytes[place...].firstIndex(of: 0x0A) else { break }
      let length = pending.count + lineFeed + 1 - skipped
      if endsBlank(bytes, skipped: skipped, lineFeed: lineFeed) {
        pending.append(contentsOf: bytes[skipped...lineFeed])
        guard pending.count <= limits.headBytes else {
          throw HTTPWireError(.headTooLarge(maximumBytes: limits.headBytes))
        }
        return (lineFeed + 1, length)
      }
      place = lineFeed + 1
    }
    pending.append(contentsOf: bytes[skipped...])
    guard pending.count <= limits.headBytes else {
      throw HTTPWireError(.headTooLarge(maximumBytes: limits.headBytes))
    }
    return nil
  }

  /// Whether the line feed at `lineFeed` ends a blank line: CRLF CRLF, part of which may be in `pending`.
  private func endsBlank(_ bytes: UnsafeRawBufferPointer, skipped: Int, lineFeed: Int) -> Bool {
    func byte(_ back: Int) -> UInt8? {
      let place = lineFeed - back
      if place >= skipped { return bytes[place] }
      let earlier = pending.count - (skipped - place)
      return earlier >= 0 ? pending[earlier] : nil
    }
    return byte(1) == 0x0D && byte(2) == 0x0A && byte(3) == 0x0D
      || (byte(1) == 0x0D && byte(2) == nil)
  }

  private mutating func parseHead(_ head: [UInt8], end: Int) throws(HTTPWireError) {
    guard let lineEnd = Self.lineEnd(head, from: 0) else { throw HTTPWireError(.malformedStartLine) }
    switch kind {
    case .requests: try parseRequestLine(head[..<lineEnd])
    case .responses: try parseStatusLine(head[..<lineEnd])
    }
    headers = HTTPHeaders(block: head, fields: try Self.fields(head, from: lineEnd + 2))
    try beginBody()
  }

  private mutating func parseRequestLine(_ line: ArraySlice<UInt8>) throws(HTTPWireError) {
    let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(ASCII.isToken), !parts[1].isEmpty,
      parts[1].allSatisfy({ (0x21...0x7E).contains($0) })
    else { throw HTTPWireError(.malformedStartLine) }
    try parseVersion(parts[2])
    method = String(decoding: parts[0], as: UTF8.self)
    target = String(decoding: parts[1], as: UTF8.self)
  }

  private mutating func parseStatusLine(_ line: ArraySlice<UInt8>) throws(HTTPWireError) {
    // HTTP/1.1 200 Reason: the reason, and even the space before it, may be missing.
    guard line.count >= 12, line[8] == 0x20 else { throw HTTPWireError(.malformedStartLine) }
    try parseVersion(line[..<8])
    var code = 0
    for byte in line[9..<12] {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
        throw HTTPWireError(.malformedStartLine)
      }
      code = code * 10 + Int(byte - UInt8(ascii: "0"))
    }
    guard code >= 100, line.count == 12 || line[12] == 0x20 else { throw HTTPWireError(.malformedStartLine) }
    status = code
  }

  private mutating func parseVersion(_ text: ArraySlice<UInt8>) throws(HTTPWireError) {
    if text.elementsEqual("HTTP/1.1".utf8) {
      isHTTP10 = false
    } else if text.elementsEqual("HTTP/1.0".utf8) {
      isHTTP10 = true
    } else {
      throw HTTPWireError(text.starts(with: "HTTP/".utf8) ? .unsupportedVersion : .malformedStartLine)
    }
  }

  /// Where the line that starts at `start` ends, its CRLF not counted.
  private static func lineEnd(_ head: [UInt8], from start: Int) -> Int? {
    guard let lineFeed = head[start...].firstIndex(of: 0x0A), lineFeed > start, head[lineFeed - 1] == 0x0D else {
      return nil
    }
    return lineFeed - 1
  }

  /// The `name: value` lines from `start` up to the blank line.
  private static func fields(_ head: [UInt8], from start: Int) throws(HTTPWireError) -> [HTTPHeaders.Field] {
    var fields: [HTTPHeaders.Field] = []
    var place = start
    while true {
      guard let end = lineEnd(head, from: place) else { throw HTTPWireError(.malformedHeader) }
      if end == place { return fields }
      guard let colon = head[place..<end].firstIndex(of: UInt8(ascii: ":")), colon > place,
        head[place..<colon].allSatisfy(ASCII.isToken)
      else { throw HTTPWireError(.malformedHeader) }
      var value = colon + 1..<end
      while let first = value.first, head[first] == 0x20 || head[first] == 0x09 { value = first + 1..<value.upperBound }
      while let last = value.last, head[last] == 0x20 || head[last] == 0x09 { value = value.lowerBound..<last }
      guard head[value].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw HTTPWireError(.malformedHeader)
      }
      fields.append(HTTPHeaders.Field(name: place..<colon, value: value))
      place = end + 2
    }
  }

  // MARK: Body

  /// RFC 9112 section 6.3.
  private mutating func beginBody() throws(HTTPWireError) {
    if kind == .responses, expectsNoBody || status < 200 || status == 204 || status == 304 {
      state = .complete
      return
    }
    let length = try headers.contentLength()
    let encodings = headers.has("transfer-encoding") ? headers.values("transfer-encoding") : []
    if !encodings.isEmpty {
      guard length == nil else { throw HTTPWireError(.ambiguousLength) }
      guard encodings.count == 1, encodings[0].lowercased() == "chunked" else {
        throw HTTPWireError(.unsupportedTransferEncoding)
      }
      state = .chunkSize
      return
    }
    guard let length else {
      state = kind == .requests ? .complete : .bodyUntilClose
      return
    }
    guard length <= limits.bodyBytes else { throw HTTPWireError(.bodyTooLarge(maximumBytes: limits.bodyBytes)) }
    state = length == 0 ? .complete : .body(remaining: length)
    if length > 0 { body.reserveCapacity(min(length, 1 << 20)) }
  }

  // MARK: Chunks

  /// Collects a line in `pending` and hands it on without its CRLF when it is whole.
  private mutating func readLine(
    _ bytes: UnsafeRawBufferPointer, _ use: (inout HTTPReader, [UInt8]) throws(HTTPWireError) -> Void
  ) throws(HTTPWireError) -> Int {
    guard let lineFeed = bytes.firstIndex(of: 0x0A) else {
      pending.append(contentsOf: bytes)
      guard pending.count <= 4096 else { throw HTTPWireError(.malformedChunk) }
      return bytes.count
    }
    pending.append(contentsOf: bytes[...lineFeed])
    guard pending.count <= 4096, pending.count >= 2, pending[pending.count - 2] == 0x0D else {
      throw HTTPWireError(.malformedChunk)
    }
    let line = Array(pending.dropLast(2))
    pending.removeAll(keepingCapacity: true)
    try use(&self, line)
    return lineFeed + 1
  }

  private mutating func beginChunk(_ line: [UInt8]) throws(HTTPWireError) {
    // A chunk extension after ';' is read over (RFC 9112 section 7.1.1).
    let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
    guard !digits.isEmpty, digits.count <= 12 else { throw HTTPWireError(.malformedChunk) }
    var size = 0
    for byte in digits {
      guard let digit = ASCII.hexadecimal(byte) else { throw HTTPWireError(.malformedChunk) }
      size = size << 4 | digit
    }
    guard body.count + size <= limits.bodyBytes else {
      throw HTTPWireError(.bodyTooLarge(maximumBytes: limits.bodyBytes))
    }
    state = size == 0 ? .trailers : .chunkData(remaining: size)
  }

  private mutating func readTrailers(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    guard let (used, _) = try appendThroughBlankLine(bytes) else { return bytes.count }
    trailers = HTTPHeaders(block: pending, fields: try Self.fields(pending, from: 0))
    pending.removeAll(keepingCapacity: true)
    state = .complete
    return used
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
  package mutating func read(_ bytes: [UInt8], _ range: Range<Int>) throws(HTTPWireError) -> Progress {
    let result = bytes.withUnsafeBytes { all in
      Result { () throws(HTTPWireError) in try consume(UnsafeRawBufferPointer(rebasing: all[range])) }
    }
    let used = try result.get()
    guard isComplete else { return Progress(used: used, isComplete: false, status: 0, keepsAlive: false) }
    return Progress(used: used, isComplete: true, status: status, keepsAlive: keepsAlive)
  }
}
