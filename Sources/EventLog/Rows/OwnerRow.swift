import ConnectionStore
import HTTPWire

/// The row that says who has a key, whoever asks: whose strategy it is. `Docs/data-model.md`.
enum OwnerRow {
  enum Attribute {
    static let version = "v"
    static let stream = "stream"
  }

  static let prefix = "own#"
  static let sort = "o"

  static func key(type: String, key: String) -> ItemKey {
    ItemKey(partition: "\(prefix)\(PercentEncoding.encode(type))#\(PercentEncoding.encode(key))", sort: sort)
  }

  static func item(type: String, key: String, stream: String, expires: Int64) -> Item {
    Item(
      key: self.key(type: type, key: key),
      attributes: [Attribute.version: .number(1), Attribute.stream: .string(stream)], expires: expires)
  }
}
