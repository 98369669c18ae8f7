import Crypto

/// What may stand in a log for something personal.
package enum Masked {
  /// A user as they are named, unless the name is an e-mail address or a telephone number: then a short hash of it, the
  /// same each time.
  package static func user(_ name: String?) -> String {
    guard let name else { return "none" }
    let digits = name.utf8.count { (0x30...0x39).contains($0) }
    let isTelephone = digits >= 7 && name.utf8.allSatisfy { (0x30...0x39).contains($0) || " +-().".utf8.contains($0) }
    guard isTelephone || name.utf8.contains(UInt8(ascii: "@")) else { return name }
    return "sha256:\(SHA256.hash(Array(name.utf8)).hexadecimal.prefix(12))"
  }
}
