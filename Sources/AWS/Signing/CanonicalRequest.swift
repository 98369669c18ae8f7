package import Crypto
import HTTPWire

/// The first stage of Signature Version 4: a request as one text that both sides write alike.
///
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
package struct CanonicalRequest: Sendable {
  /// The whole text, whose hash goes into the string to sign.
  package let text: String
  /// The names of the signed headers: lower case, in order, joined by semicolons.
  package let signedHeaders: String

  /// `target` is path and query as they are sent; every header given is signed.
  ///
  /// - Parameter normalizesPath: whether `.`, `..` and empty segments are resolved, as every service but S3 does.
  package init(
    method: String, target: String, headers: [(name: String, value: String)], payload: Digest,
    normalizesPath: Bool = true
  ) {
    let path = target.prefix { $0 != "?" }
    let query = target[path.endIndex...].dropFirst()
    let fields = Self.fields(headers)
    signedHeaders = fields.map(\.name).joined(separator: ";")
    text = """
      \(method)
      \(Self.path(path: normalizesPath ? Self.normalized(path: path) : String(path)))
      \(Self.query(query))
      \(fields.map { "\($0.name):\($0.value)\n" }.joined())
      \(signedHeaders)
      \(payload.hexadecimal)
      """
  }

  /// The hash of a request's body, an absent one being empty.
  package static func payloadHash(_ body: [UInt8]) -> Digest { SHA256.hash(body) }

  var hash: Digest { SHA256.hash(Array(text.utf8)) }

  /// Encoded once more than it is sent: the `%3D` in a connection's path is signed as `%253D`.
  private static func path(path: String) -> String {
    var bytes: [UInt8] = []
    PercentEncoding.append(Array(path.utf8)[...], leavesSlashes: true, to: &bytes)
    return bytes.isEmpty ? "/" : String(decoding: bytes, as: UTF8.self)
  }

  private static func normalized(path: Substring) -> String {
    var segments: [Substring] = []
    for segment in path.split(separator: "/") {
      switch segment {
      case ".": break
      case "..": _ = segments.popLast()
      default: segments.append(segment)
      }
    }
    let endsWithSlash = ["/", "/.", "/.."].contains { path.hasSuffix($0) }
    return "/" + segments.joined(separator: "/") + (endsWithSlash && !segments.isEmpty ? "/" : "")
  }

  /// Names and values encoded exactly once, in the order of the encoded names, then values.
  private static func query(_ query: Substring) -> String {
    let parameters = query.split(separator: "&").map { parameter in
      let name = parameter.prefix { $0 != "=" }
      return (name: encodedOnce(name), value: encodedOnce(parameter[name.endIndex...].dropFirst()))
    }
    return parameters.sorted {
      Array($0.name.utf8) == Array($1.name.utf8) ? less($0.value, right: $1.value) : less($0.name, right: $1.name)
    }
    .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
  }

  private static func encodedOnce(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    PercentEncoding.append(PercentEncoding.decodedBytes(text, plusIsSpace: false).bytes[...], to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func less(_ left: String, right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }

  /// Sorted by name, with the values of one name joined by commas in the order they are sent.
  private static func fields(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
    var values: [String: [String]] = [:]
    for (name, value) in headers { values[name.lowercased(), default: []].append(trimmed(value)) }
    return values.map { (name: $0.key, value: $0.value.joined(separator: ",")) }.sorted {
      less($0.name, right: $1.name)
    }
  }

  /// Without white space at the ends, and with one space for any run of it inside.
  private static func trimmed(_ value: String) -> String {
    value.split { $0 == " " || $0 == "\t" || $0.isNewline }.joined(separator: " ")
  }
}
