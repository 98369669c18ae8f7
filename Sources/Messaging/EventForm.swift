import JSON

/// Whether JSON from elsewhere is meant as a publish: events of other systems have a `type` and `events` too.
package enum EventForm {
  private static let fields: Set<String> = [
    "type", "key", "data", "audience", "user", "userId", "group", "timestamp", "priority", "correlationId",
    "idempotencyKey",
  ]

  /// One event of ours, or an object whose `events` hold one. Either may still be refused, for a key that is too long;
  /// but it is the publisher of an event who is to hear of that.
  package static func isPublish(_ bytes: [UInt8]) -> Bool {
    isEvent(bytes, range: 0..<bytes.count) || holdsEvents(bytes)
  }

  /// Every member is one that an event may have, `type` is a type's name, and there is `data`.
  private static func isEvent(_ bytes: [UInt8], range: Range<Int>) -> Bool {
    var reader = JSONReader(bytes, in: range)
    var hasType = false
    var hasData = false
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        guard fields.contains(name) else { return false }
        if name == "data" { hasData = true }
        if name == "type" {
          guard try reader.peek() == .string, Name.isType(try reader.string()) else { return false }
          hasType = true
        } else {
          try reader.skip()
        }
      }
    } catch {
      return false
    }
    return hasType && hasData
  }

  private static func holdsEvents(_ bytes: [UInt8]) -> Bool {
    var reader = JSONReader(bytes)
    var isAlone = true
    var elements: [Range<Int>]?
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if name == "events" {
          guard elements == nil else { return false }
          elements = try self.elements(from: &reader)
        } else if name == "type" || name == "data" {
          return false
        } else {
          isAlone = false
          try reader.skip()
        }
      }
    } catch {
      return false
    }
    guard let elements else { return false }
    return elements.isEmpty ? isAlone : elements.contains { isEvent(bytes, range: $0) }
  }

  private static func elements(from reader: inout JSONReader) throws(JSONError) -> [Range<Int>] {
    var list: [Range<Int>] = []
    try reader.beginArray()
    while try reader.nextElement() {
      let value = try reader.rawValue()
      list.append(value.startIndex..<value.endIndex)
    }
    return list
  }
}
