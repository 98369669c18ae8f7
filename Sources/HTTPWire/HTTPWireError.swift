/// Why bytes were refused as an HTTP/1.1 message (RFC 9112).
package struct HTTPWireError: Error, Equatable, CustomStringConvertible {
  package enum Code: Equatable, Sendable {
    case malformedStartLine
    case malformedHeader
    /// Only HTTP/1.0 and HTTP/1.1 are spoken.
    case unsupportedVersion
    case headTooLarge(maximumBytes: Int)
    case bodyTooLarge(maximumBytes: Int)
    /// Content-Length is not a number, is given twice with different values, or stands beside Transfer-Encoding.
    case ambiguousLength
    case unsupportedTransferEncoding
    case malformedChunk
    /// The connection ended inside the message.
    case truncated
  }

  package let code: Code

  package init(_ code: Code) { self.code = code }

  package var description: String {
    switch code {
    case .malformedStartLine: "malformed HTTP start line"
    case .malformedHeader: "malformed HTTP header"
    case .unsupportedVersion: "unsupported HTTP version, 1.1 and 1.0 are spoken"
    case .headTooLarge(let maximum): "HTTP head larger than \(maximum) bytes"
    case .bodyTooLarge(let maximum): "HTTP body larger than \(maximum) bytes"
    case .ambiguousLength: "ambiguous HTTP body length"
    case .unsupportedTransferEncoding: "unsupported Transfer-Encoding, only chunked is spoken"
    case .malformedChunk: "malformed HTTP chunk"
    case .truncated: "the connection ended inside an HTTP message"
    }
  }
}
