import HTTPWire
import JSON
import Messaging

extension HTTPAnswer {
  /// The whole answer as the front takes it. A body that is no text goes in base64.
  ///
  /// Headers that would begin another header, and such as frame the body, are left out: that is the front's to say.
  public func encoded(for front: HTTPFront) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 256 + body.count)
    writer.object { writer in
      encodeHead(for: front, isPrelude: false, to: &writer)
      let text = String(validating: body, as: UTF8.self)
      writer.member("body", text ?? Base64.encode(body))
      writer.member("isBase64Encoded", text == nil)
    }
    return writer.bytes
  }

  /// The JSON and the eight NULs that stand before a streamed body, without that body.
  package func prelude(for front: HTTPFront) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { encodeHead(for: front, isPrelude: true, to: &$0) }
    return writer.bytes + PreludeReader.delimiter
  }

  /// REST APIs know fields that stand several times (`multiValueHeaders`), format 2.0 does not, but knows cookies.
  private func encodeHead(for front: HTTPFront, isPrelude: Bool, to writer: inout JSONWriter) {
    writer.member("statusCode", status)
    let groups = sendableHeaders
    let safeCookies = cookies.filter(HTTPWriter.isSafe(headerValue:))
    writer.key("headers")
    writer.object { writer in
      for (name, values) in groups where front != .restAPI || values.count == 1 {
        writer.member(name, values.joined(separator: ", "))
      }
    }
    let takesCookies = front != .restAPI || isPrelude
    if front == .restAPI {
      let repeated = groups.filter { $0.values.count > 1 }
      encode(repeated + (takesCookies || safeCookies.isEmpty ? [] : [("Set-Cookie", safeCookies)]), to: &writer)
    }
    guard takesCookies, !safeCookies.isEmpty else { return }
    writer.key("cookies")
    writer.array { writer in
      for cookie in safeCookies { writer.string(cookie) }
    }
  }

  private func encode(_ groups: [(name: String, values: [String])], to writer: inout JSONWriter) {
    guard !groups.isEmpty else { return }
    writer.key("multiValueHeaders")
    writer.object { writer in
      for (name, values) in groups {
        writer.key(name)
        writer.array { writer in
          for value in values { writer.string(value) }
        }
      }
    }
  }

  private var sendableHeaders: [(name: String, values: [String])] {
    var groups: [(name: String, values: [String])] = []
    for (name, value) in headers where Self.isSendable(name: name, value: value) {
      if let index = groups.firstIndex(where: { HTTPFields.isSame($0.name, as: name) }) {
        groups[index].values.append(value)
      } else {
        groups.append((name, [value]))
      }
    }
    return groups
  }

  /// Whether a front may pass the field on to the client.
  static func isSendable(name: String, value: String) -> Bool {
    HTTPWriter.isSafe(headerName: name) && HTTPWriter.isSafe(headerValue: value)
      && !HTTPWriter.isFraming(headerName: name)
  }
}
