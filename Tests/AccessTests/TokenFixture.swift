import FoundationEssentials
import JSON
import Testing

/// `Tests/Fixtures/tokens/tokens.json`: tokens that others signed.
struct TokenFixture: Decodable, Sendable {
  struct Good: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let token: String
    let untilSeconds: Int64
    var testDescription: String { name }
  }

  struct Bad: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let token: String
    let reason: String
    var testDescription: String { name }
  }

  let secret: String
  let issuer: String
  let audience: String
  /// Public keys in PEM, by name.
  let keys: [String: String]
  /// Signed with a key that is in `jwksRotated` only.
  let rotated: String
  let good: [Good]
  let bad: [Bad]

  static let shared: TokenFixture = {
    guard let fixture = try? JSONDecoder().decode(TokenFixture.self, from: Data(text)) else {
      preconditionFailure("tokens.json is damaged")
    }
    return fixture
  }()

  /// `jwks` or `jwksRotated`, as the bytes a server would send.
  static func keySet(_ name: String) -> [UInt8] {
    var reader = JSONReader(text)
    try? reader.beginObject()
    while let key = try? reader.nextKey(), let value = try? reader.rawValue() {
      if key == name { return Array(value) }
    }
    preconditionFailure("tokens.json has no \(name)")
  }

  private static let text: [UInt8] = {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return [UInt8]((try? Data(contentsOf: folder.appending(path: "Fixtures/tokens/tokens.json"))) ?? Data())
  }()
}
