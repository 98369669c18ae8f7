import Access
import JSON
import LambdaEvents
import Messaging

extension PresentedCredentials {
  /// What came with a handshake, in the order in which it came: an event's lists of values, since of a parameter or
  /// field that was given several times the single value is only the last; and those single values that no list has.
  init(_ event: ConnectEvent) {
    self.init(
      query: Self.all(event.multiValueQuery, singles: event.query.pairs),
      headers: Self.all(event.multiValueHeaders, singles: Self.pairs(event.headers.json)))
  }

  private static func all(
    _ lists: [UInt8]?, singles: [(name: String, value: String)]
  ) -> [(name: String, value: String)] {
    let listed = lists.flatMap(Self.lists) ?? []
    return listed
      + singles.filter { single in
        !listed.contains { $0.name.hasSameBytes(as: single.name) && $0.value.hasSameBytes(as: single.value) }
      }
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
