/// What the market data clients' StreamMessage has in place of `type` and `key`:
///
///     {"channel":"stream:market_data:AAPL","data_type":"market_data","symbol":"AAPL",…}
///
/// is an event of the type `stream:market_data` with the key `AAPL`. Its other members stand beside `data` as any
/// application's: `update_type`, `vendor`, `metadata`.
struct StreamMessage {
  static let channel = "channel"
  static let dataType = "data_type"
  static let symbol = "symbol"
  private static let prefix = "stream:"

  private var texts: [(name: String, text: String)] = []

  /// The first of its members that was there.
  var first: String? { texts.first?.name }

  subscript(name: String) -> String? {
    get { texts.first { $0.name == name }?.text }
    set { if let newValue { texts.append((name, newValue)) } }
  }

  /// Nil: there is no such message.
  func resolved() throws(EventRefusal) -> (type: String, key: String?)? {
    guard let channel = self[Self.channel] else {
      return self[Self.dataType].map { (Self.prefix + $0, self[Self.symbol]) }
    }
    guard channel.hasBytePrefix(Self.prefix) else {
      throw Self.refusal("'channel' must be stream:{data_type}:{symbol}")
    }
    let parts = channel.utf8.dropFirst(Self.prefix.utf8.count).split(
      separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false
    ).map { String(Substring($0)) }
    let key = parts.count == 2 ? parts[1] : nil
    guard !parts[0].isEmpty, key != "" else { throw Self.refusal("'channel' must be stream:{data_type}:{symbol}") }
    if let dataType = self[Self.dataType], !dataType.hasSameBytes(as: parts[0]) {
      throw Self.refusal("'channel' is of the data type \"\(parts[0])\", but 'data_type' is another")
    }
    if let key, let symbol = self[Self.symbol], !symbol.hasSameBytes(as: key) {
      throw Self.refusal("'channel' is of the symbol \"\(key)\", but 'symbol' is another")
    }
    return (Self.prefix + parts[0], key ?? self[Self.symbol])
  }

  private static func refusal(_ message: String) -> EventRefusal { EventRefusal(code: .invalidField, message: message) }
}
