import Access
import GatewayEvents
import JSON

extension Presentation {
  /// What came with a handshake: an event's single values, and its lists of values, since of a parameter or field that
  /// was given several times the single value is only the last.
  init(_ event: ConnectEvent) {
    self.init(
      query: event.query.pairs + (event.multiValueQuery.flatMap(Self.lists) ?? []),
      headers: Self.pairs(event.headers.json) + (event.multiValueHeaders.flatMap(Self.lists) ?? []))
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
