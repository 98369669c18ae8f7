import Messaging

/// Where a handshake, or a request for a stream, may carry credentials: its query and its header fields, each value as
/// it came, also those that were given several times.
package struct PresentedCredentials: Sendable {
  package var query: [(name: String, value: String)]
  package var headers: [(name: String, value: String)]

  package init(query: [(name: String, value: String)] = [], headers: [(name: String, value: String)] = []) {
    self.query = query
    self.headers = headers
  }

  /// Names of query parameters are compared byte by byte.
  func parameters(_ name: String) -> [String] {
    query.filter { $0.name.hasSameBytes(as: name) && !$0.value.isEmpty }.map(\.value)
  }

  /// Names of header fields are compared without regard to case.
  func fields(_ name: String) -> [String] {
    headers.filter { Self.isEqual($0.name, right: name) && !$0.value.isEmpty }.map(\.value)
  }

  /// In the place of whatever stood under that name.
  mutating func setField(_ name: String, to value: String) {
    headers = headers.filter { !Self.isEqual($0.name, right: name) } + [(name, value)]
  }

  static func isEqual(_ left: String, right: String) -> Bool {
    left.utf8.count == right.utf8.count
      && zip(left.utf8, right.utf8).allSatisfy { ASCII.lowered($0) == ASCII.lowered($1) }
  }
}

/// One credential, by its place.
struct Credential {
  enum Form {
    case key(APIKey)
    /// Not looked into yet.
    case token(String, [TokenAlgorithm])
    case malformed
  }

  let location: String
  let text: String
  /// Browsers send it by themselves, on behalf of whichever page asks.
  let isAmbient: Bool

  var form: Form {
    if text.hasBytePrefix(APIKey.prefix) { return APIKey(text).map(Form.key) ?? .malformed }
    switch location {
    case Self.keyParameter, Self.keyField: return .malformed
    // A session is made by the site itself, with the secret it shares.
    case Self.cookie: return .token(text, [.hs256])
    default: return .token(text, TokenAlgorithm.allCases)
    }
  }

  static let keyParameter = "apiKey"
  static let keyField = "x-api-key"
  static let cookie = "cookie"

  /// More than this is no client's mistake.
  static let maximumCount = 8

  /// Every credential that is there, a text once.
  static func all(in presentation: PresentedCredentials) -> [Credential] {
    var found: [Credential] = []
    let add = { (location: String, texts: [String]) in
      for text in texts where !found.contains(where: { $0.text.hasSameBytes(as: text) }) {
        found.append(Credential(location: location, text: text, isAmbient: location == cookie))
      }
    }
    add(keyParameter, presentation.parameters("apiKey"))
    add(keyField, presentation.fields("x-api-key"))
    add("auth", presentation.parameters("auth"))
    add("token", presentation.parameters("token"))
    add("authorization", presentation.fields("Authorization").compactMap(bearer))
    add("subprotocol", tokens(in: presentation.offeredSubprotocols))
    add(cookie, presentation.fields("Cookie").flatMap { CookieReader.values(of: "session", in: $0) })
    return found
  }

  /// `Bearer TOKEN` (RFC 6750, section 2.1); nil for other schemes, such as the signature of AWS.
  private static func bearer(_ value: String) -> String? {
    let bytes = Array(value.utf8)
    let scheme = Array("bearer".utf8)
    guard bytes.count > scheme.count, bytes[scheme.count] == UInt8(ascii: " "),
      zip(bytes, scheme).allSatisfy({ ASCII.lowered($0) == $1 })
    else { return nil }
    let token = bytes[scheme.count...].drop { $0 == UInt8(ascii: " ") }
    return token.isEmpty ? nil : String(decoding: token, as: UTF8.self)
  }

  /// What follows `bearer` in the list of subprotocols: a browser can set no header but this one.
  private static func tokens(in subprotocols: [String]) -> [String] {
    zip(subprotocols, subprotocols.dropFirst()).compactMap { $0.hasSameBytes(as: "bearer") ? $1 : nil }
  }
}

/// A credential says where it stood, and not what it is.
extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  var description: String { "a credential in \(location)" }
  var debugDescription: String { description }
  var customMirror: Mirror { Mirror(self, children: []) }
}

/// Reads `Cookie` header fields (RFC 6265, section 4.2.1).
enum CookieReader {
  static let maximumBytes = 16 << 10

  /// The values of the cookies with exactly that name, as they stand. One with a character that no cookie's value may
  /// have is given as `""`, which is no credential but also not nothing.
  static func values(of name: String, in field: String) -> [String] {
    guard field.utf8.count <= maximumBytes else { return [""] }
    return field.utf8.split(separator: UInt8(ascii: ";")).compactMap { pair in
      let bytes = ASCII.trimmed(Array(pair))
      guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), bytes[..<equals].elementsEqual(name.utf8) else {
        return nil
      }
      let value = bytes[(equals + 1)...]
      return value.allSatisfy(isAllowed) ? String(decoding: value, as: UTF8.self) : ""
    }
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x21, 0x23...0x2B, 0x2D...0x3A, 0x3C...0x5B, 0x5D...0x7E: true
    default: false
    }
  }
}

enum ASCII {
  static func lowered(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  /// Without spaces and tabs at both ends.
  static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
    let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
    guard let last = bytes.lastIndex(where: { !isBlank($0) }) else { return [] }
    return Array(bytes[...last].drop(while: isBlank))
  }
}
