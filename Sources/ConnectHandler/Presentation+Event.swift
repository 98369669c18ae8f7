import Access
import GatewayEvents
import JSON

extension Presentation {
  /// What came with a handshake. A parameter or field that was given several times is in the event's lists of values; its
  /// single value is only the last of them.
  init(_ event: ConnectEvent) {
    let query = event.multiValueQuery.flatMap(Self.lists) ?? event.query.pairs
    let headers = event.multiValueHeaders.flatMap(Self.lists) ?? Self.pairs(event.headers.json)
    self.init(query: query, headers: headers)
  }

  /// `{"name":["value","value"]}`; nil for what is not of that shape.
  private static func lists(_ json: [UInt8]) -> [(name: String, value: String)]? {
    var reader = JSONReader(json)
    var pairs: [(name: String, value: String)] = []
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        try reader.beginArray()
        while try reader.nextElement() { pairs.append((name, try reader.string())) }
      }
      return pairs
    } catch {
      return nil
    }
  }

  /// `{"name":"value"}`
  private static func pairs(_ json: ArraySlice<UInt8>?) -> [(name: String, value: String)] {
    guard let json else { return [] }
    var reader = JSONReader(json)
    var pairs: [(name: String, value: String)] = []
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if try reader.peek() == .string { pairs.append((name, try reader.string())) } else { try reader.skip() }
      }
    } catch {
      // What was read before the fault counts.
    }
    return pairs
  }
}
