import Crypto
package import Messaging
package import Telemetry

/// A key as its owner holds it: `tt_` and 32 random bytes as base64url. Only its hash is ever stored.
package struct APIKey: Sendable {
  package static let prefix = "tt_"
  private static let secretBytes = 32

  package let text: String
  /// The SHA-256 of the text, in hexadecimal: the name the table knows it by. Whoever finds a key by its hash compares
  /// no secrets, so the time it takes tells nothing of one.
  package let hash: String

  /// Nil for a text that no key can have, so that junk costs no read of the table.
  package init?(_ text: String) {
    guard text.utf8.starts(with: Self.prefix.utf8),
      Base64URL.decode(text.utf8.dropFirst(Self.prefix.utf8.count))?.count == Self.secretBytes
    else { return nil }
    self.init(trusted: text)
  }

  package init(_ randomness: Randomness) {
    self.init(trusted: Self.prefix + Base64URL.encode(randomness.bytes(Self.secretBytes)))
  }

  private init(trusted text: String) {
    self.text = text
    hash = SHA256.hash(Array(text.utf8)).hexadecimal
  }
}

/// Its text goes where it is asked for by name, never into a log by way of a description.
extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "tt_… (\(hash.prefix(12)))" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a key is good for, and what it is called.
package struct KeyGrant: Equatable, Sendable {
  package var principal: Principal
  /// Seconds since the epoch from which on the key is none; nil: it stays.
  package var expires: Int64?
  package var label: String

  package static let labelBytes = 256

  package init(principal: Principal, expires: Int64? = nil, label: String = "") {
    self.principal = principal
    self.expires = expires
    self.label = label
  }
}

/// A key as the table holds it.
package struct StoredKey: Equatable, Sendable {
  package let hash: String
  package let grant: KeyGrant
  /// Milliseconds since the epoch.
  package let createdMilliseconds: Int64
}
