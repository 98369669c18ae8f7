import HTTPClient
import HTTPWire
import Messaging

/// Writes the bytes of calls. What is the same in every request of an endpoint is put together once.
struct RequestBytes {
  private let post: [UInt8]
  private let get: [UInt8]
  private let delete: [UInt8]
  /// From the end of the path to the end of a head without a body.
  private let tail: [UInt8]
  /// From the end of the path to where the body's length stands.
  private let postTail: [UInt8]

  init(_ endpoint: HTTPURL) {
    let path = "\(endpoint.basePath)/@connections/"
    post = Array("POST \(path)".utf8)
    get = Array("GET \(path)".utf8)
    delete = Array("DELETE \(path)".utf8)
    let common = " HTTP/1.1\r\nHost: \(endpoint.authority)\r\n"
    tail = Array("\(common)\r\n".utf8)
    postTail = Array("\(common)Content-Type: application/octet-stream\r\nContent-Length: ".utf8)
  }

  func append(_ call: Call, to bytes: inout [UInt8]) {
    switch call.verb {
    case .post(let frame):
      bytes += post
      Self.append(call.id, to: &bytes)
      bytes += postTail
      HTTPWriter.append(decimal: frame.count, to: &bytes)
      HTTPWriter.append("\r\n\r\n", to: &bytes)
      bytes += frame
    case .get:
      bytes += get
      Self.append(call.id, to: &bytes)
      bytes += tail
    case .delete:
      bytes += delete
      Self.append(call.id, to: &bytes)
      bytes += tail
    }
  }

  /// The id as one path segment. Of the bytes an id may have, only `=` is not left as it is, and mostly it is the last.
  private static func append(_ id: ConnectionID, to bytes: inout [UInt8]) {
    let equals = UInt8(ascii: "=")
    var start = bytes.count
    if id.text.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
      bytes.append(contentsOf: id.text.utf8)
    }
    while start < bytes.count {
      if bytes[start] == equals {
        bytes.replaceSubrange(start...start, with: "%3D".utf8)
        start += 2
      }
      start += 1
    }
  }
}
