import Crypto
import JSON
import Messaging
import Telemetry

/// A ticket as its client holds it: `tk_` and 32 random bytes as base64url, in the URL of an `EventSource`, which can set no
/// header. It opens one stream within 30 seconds; what comes back later has to bring an id that was sent under it.
package struct Ticket: Sendable {
  package static let prefix = "tk_"
  /// The query parameter.
  package static let parameter = "ticket"
  private static let secretBytes = 32

  package let text: String
  /// The SHA-256 of the text, in hexadecimal: the name the table knows it by. Whoever finds a ticket by its hash compares no
  /// secrets, so the time it takes tells nothing of one.
  let hash: String

  /// Nil for a text that no ticket can have, so that junk costs no read of the table.
  init?(_ text: String) {
    guard text.hasBytePrefix(Self.prefix),
      Base64URL.decode(text.utf8.dropFirst(Self.prefix.utf8.count))?.count == Self.secretBytes
    else { return nil }
    self.init(trusted: text)
  }

  init(_ randomness: Randomness) {
    self.init(trusted: Self.prefix + Base64URL.encode(randomness.bytes(Self.secretBytes)))
  }

  private init(trusted text: String) {
    self.text = text
    hash = SHA256.hash(Array(text.utf8)).hexadecimal
  }
}

/// Its text goes where it is asked for by name, never into a log by way of a description.
extension Ticket: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "tk_… (\(hash.prefix(12)))" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

/// A ticket as the table holds it.
struct StoredTicket: Equatable, Sendable {
  /// Whom it speaks for; ends with the ticket.
  let identity: Identity
  /// What the ids are stamped with: nobody outside the functions knows it, also not who holds the ticket.
  let secret: [UInt8]
  /// Until when it may be opened the first time, in milliseconds since the epoch.
  let openByMilliseconds: Int64
  /// When it ends, whatever comes, in milliseconds since the epoch.
  let untilMilliseconds: Int64
  /// Which stream has it; nil: none has had it yet.
  var holder: String?
}

/// A ticket that was made, for the answer to who asked for it.
package struct IssuedTicket: Sendable {
  package let ticket: Ticket
  /// Seconds within which it has to be used first.
  package let openWithinSeconds: Int64
  /// Milliseconds since the epoch.
  package let untilMilliseconds: Int64

  /// `{"ticket":"tk_…","expiresIn":30,"until":"2027-01-15T08:15:00.000Z"}`. Such an answer may be kept by no cache.
  package func encoded() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("ticket", ticket.text)
      writer.member("expiresIn", openWithinSeconds)
      writer.member("until", Timestamp.rfc3339(milliseconds: untilMilliseconds))
    }
    return writer.bytes
  }
}
