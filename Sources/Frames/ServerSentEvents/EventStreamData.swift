package import JSON
package import Messaging

/// What stands in the `data` of a frame.
package enum EventStreamData {
  /// An event's own data, with its moment and its priority, if it has one, where they tell none. What is no object stands as it is.
  package static func own(of event: Event) -> [UInt8] {
    let lacksMoment = hasNo(Member.timestamp, in: event.data)
    let priority = event.priority.flatMap { hasNo(Member.priority, in: event.data) ? $0.rawValue : nil }
    guard lacksMoment || priority != nil else { return event.data }
    return adding(to: event.data) { writer in
      writer.member(Member.priority, ifPresent: priority)
      if lacksMoment { writer.member(Member.timestamp, event.timestamp) }
    }
  }

  /// An object with more members behind its own; what is no object stands as it is.
  package static func adding(to data: [UInt8], _ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var reader = JSONReader(data)
    guard (try? reader.peek()) == .object, let end = data.lastIndex(of: UInt8(ascii: "}")) else { return data }
    var writer = JSONWriter()
    writer.object(members)
    let added = writer.bytes.dropFirst()
    guard added.count > 1 else { return data }
    let isEmpty = data[..<end].allSatisfy { $0 == UInt8(ascii: "{") || $0 <= 0x20 }
    return Array(data[..<end]) + (isEmpty ? [] : [UInt8(ascii: ",")]) + added
  }

  private static func hasNo(_ name: String, in data: [UInt8]) -> Bool {
    var reader = JSONReader(data)
    guard (try? reader.peek()) == .object, (try? reader.beginObject()) != nil else { return false }
    while let found = try? reader.nextKey() {
      if found == name { return false }
      guard (try? reader.skip()) != nil else { return false }
    }
    return true
  }
}
