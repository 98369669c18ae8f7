import Messaging

extension PresentedCredentials {
  /// What a handshake is answered with of the subprotocols it offers (RFC 6455, section 4.1): the first that is a name
  /// and no credential. A browser closes a connection whose answer names none of those it offered; but in
  /// `bearer, TOKEN` the second is a secret, which must not come back in a header that others write down, in whatever
  /// order and however many fields it was sent.
  package var subprotocol: String? {
    let credentials = Credential.all(in: self).map(\.text)
    return offeredSubprotocols.first { name in
      Self.isSubprotocol(name) && !credentials.contains { $0.hasSameBytes(as: name) }
    }
  }

  /// In the order of the fields, each without the blanks around it.
  var offeredSubprotocols: [String] {
    fields("Sec-WebSocket-Protocol").flatMap { field in
      field.utf8.split(separator: UInt8(ascii: ",")).map { String(decoding: ASCII.trimmed(Array($0)), as: UTF8.self) }
    }
  }

  /// No token is as short, and no name as long.
  private static let maximumNameBytes = 64

  /// A token in the sense of RFC 9110, section 5.6.2.
  private static func isSubprotocol(_ name: String) -> Bool {
    (1...maximumNameBytes).contains(name.utf8.count) && !name.hasBytePrefix(APIKey.prefix)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }
}
