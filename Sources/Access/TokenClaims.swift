import JSON
import Messaging
import Telemetry

/// The claims of a token whose signature was found good (RFC 7519, section 4).
struct TokenClaims: Equatable {
  var issuer: String?
  /// Empty: the token names none.
  var audience: [String] = []
  var hasAudience = false
  /// Seconds since the epoch, as the next three.
  var expires: Int64?
  var notBefore: Int64?
  var issuedAt: Int64?
  var user: String?
  var role: String?
  var groups: [String] = []
  var scopes: [String] = []

  private static let secondsRange = 0.0...253_402_300_799.0

  /// `userClaim` names the claim that holds the user, `sub` for most.
  init(_ bytes: [UInt8], userClaim: String) throws(TokenFault) {
    var members = MemberReader(bytes)
    do throws(JSONError) {
      while let name = try members.next() { try read(name, userClaim: userClaim, reader: &members.reader) }
    } catch {
      throw .claim(LogText(known: error.description))
    }
    if members.hasDuplicates { throw .claim("a member is there twice") }
  }

  private mutating func read(_ name: String, userClaim: String, reader: inout JSONReader) throws(JSONError) {
    if name.hasSameBytes(as: userClaim) {
      user = try reader.string()
      return
    }
    switch name {
    case "iss": issuer = try reader.string()
    case "aud":
      audience = try Self.list(from: &reader)
      hasAudience = true
    case "exp": expires = try Self.seconds(from: &reader)
    case "nbf": notBefore = try Self.seconds(from: &reader)
    case "iat": issuedAt = try Self.seconds(from: &reader)
    case "role": role = try reader.null() ? nil : reader.string()
    case "groups": groups = try reader.null() ? [] : Self.list(from: &reader)
    case "scope", "scopes": scopes += try Self.list(from: &reader).flatMap(Self.parts)
    default: try reader.skip()
    }
  }

  /// A list of strings, or one string for a list of one.
  private static func list(from reader: inout JSONReader) throws(JSONError) -> [String] {
    try reader.peek() == .array ? reader.strings() : [reader.string()]
  }

  /// A NumericDate: seconds since the epoch, with or without a fraction.
  private static func seconds(from reader: inout JSONReader) throws(JSONError) -> Int64 {
    let start = reader.offset
    let text = String(decoding: try reader.number(), as: UTF8.self)
    guard let seconds = Double(text), secondsRange.contains(seconds) else {
      throw JSONError(.numberOutOfRange, offset: start)
    }
    return Int64(seconds)
  }

  private static func parts(_ text: String) -> [String] {
    text.utf8.split(separator: UInt8(ascii: " ")).map { String(Substring($0)) }
  }
}
