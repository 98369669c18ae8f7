import ConnectionStore
import Connections
import Crypto
import Messaging

// Where the rows of the log stand.
extension Keys {
  static func log(stream: String) -> String { "s#\(PercentEncoding.encode(stream))" }

  /// Before every segment: `!` comes before the digits.
  static func head(stream: String) -> ItemKey { ItemKey(partition: log(stream: stream), sort: "!") }

  static func segment(stream: String, first: Int64) -> ItemKey {
    ItemKey(partition: log(stream: stream), sort: segmentSort(first))
  }

  /// Twelve digits, so that the order of the bytes is the order of the numbers.
  static func segmentSort(_ first: Int64) -> String {
    let digits = String(max(0, first))
    return String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
  }

  /// A key may be long and hold anything, so its hash stands for it. No stream's name holds a NUL where a key could go
  /// on: the length of the name stands before it.
  static func claim(stream: String, name: String) -> ItemKey {
    var bytes = Array("\(stream.utf8.count):\(stream)".utf8)
    bytes.append(contentsOf: name.utf8)
    return ItemKey(partition: "k#\(SHA256.hash(bytes).hexadecimal)", sort: "k")
  }
}
