import Crypto
import JSON
import Messaging

/// A set of public keys as its owner publishes it (RFC 7517):
/// `{"keys":[{"kty":"RSA","kid":"1","n":"…","e":"AQAB"},…]}`.
enum JSONWebKeys {
  static let maximumBytes = 256 << 10
  /// Enough for any owner; a verification tries each key that fits.
  static let maximumKeys = 64

  /// Keys of other kinds and for other uses are passed over, also secret ones (`oct`): what stands at a URL is no
  /// secret.
  static func decode(_ bytes: [UInt8]) throws(JSONError) -> [TokenKey] {
    var reader = JSONReader(bytes)
    var keys: [TokenKey] = []
    try reader.beginObject()
    while let name = try reader.nextKey() {
      guard name.hasSameBytes(as: "keys") else {
        try reader.skip()
        continue
      }
      try reader.beginArray()
      while try reader.nextElement() {
        let key = try key(from: &reader)
        if let key, keys.count < maximumKeys { keys.append(key) }
      }
    }
    try reader.end()
    return keys
  }

  private static func key(from reader: inout JSONReader) throws(JSONError) -> TokenKey? {
    var texts: [String: String] = [:]
    var operations: [String]?
    var isDamaged = false
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch (name, try reader.peek()) {
      case ("kty", .string), ("kid", .string), ("use", .string), ("alg", .string), ("crv", .string), ("n", .string),
        ("e", .string), ("x", .string), ("y", .string):
        if texts.updateValue(try reader.string(), forKey: name) != nil { isDamaged = true }
      case ("key_ops", .array): operations = try reader.strings()
      default: try reader.skip()
      }
    }
    guard !isDamaged, texts["use"] ?? "sig" == "sig", operations?.contains("verify") ?? true,
      let publicKey = publicKey(texts)
    else { return nil }
    let key = TokenKey(id: texts["kid"], material: .publicKey(publicKey))
    guard texts["alg"] ?? key.algorithm.rawValue == key.algorithm.rawValue else { return nil }
    return key
  }

  private static func publicKey(_ texts: [String: String]) -> PublicKey? {
    let number = { (name: String) in texts[name].flatMap { Base64URL.decode($0.utf8) } }
    switch texts["kty"] {
    case "RSA":
      guard let modulus = number("n"), let exponent = number("e") else { return nil }
      return PublicKey(modulus: modulus, exponent: exponent)
    case "EC":
      guard texts["crv"] == "P-256", let x = number("x"), let y = number("y") else { return nil }
      return PublicKey(x: x, y: y)
    default: return nil
    }
  }
}
