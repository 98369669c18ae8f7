import Connections
import Delivery
import JSON
import Messaging
import Telemetry

/// What a publisher asks for: one event, or `{"events":[…]}`. A bad event is refused alone.
struct PublishRequest {
  private(set) var events: [(index: Int, event: Event)] = []
  private(set) var errors: [PublishError] = []
  /// The types of which an event got no key though the file says where it stands.
  private(set) var keylessTypes: [String] = []
  /// How many events there are, good and bad.
  private(set) var count = 0

  /// Every event gets the moment it was accepted, and a name no other has. `maximumBytes`: of one event.
  init(
    decoding bytes: [UInt8], types: EventTypeTable, maximumBytes: Int, clock: Clock, randomness: Randomness
  ) {
    let ranges: [Range<Int>]
    do throws(PublishError) {
      ranges = try Self.ranges(in: bytes)
    } catch {
      errors = [error]
      return
    }
    let now = clock.milliseconds()
    let timestamp = Timestamp.rfc3339(milliseconds: now)
    count = ranges.count
    events.reserveCapacity(ranges.count)
    for (index, range) in ranges.enumerated() {
      do throws(EventRefusal) {
        let id = "\(now)-\(randomness.hexadecimal())"
        guard range.count <= maximumBytes else { throw EventRefusal(bytes: range.count, maximum: maximumBytes) }
        let event = try Event(published: bytes, in: range, id: id, timestamp: timestamp)
        events.append((index, try published(event, types: types)))
      } catch {
        errors.append(PublishError(error, index: index))
      }
    }
  }

  /// Where each event stands in the payload. One event and a list in one payload, or two lists, would be taken for one
  /// of them, and the other would be lost.
  private static func ranges(in bytes: [UInt8]) throws(PublishError) -> [Range<Int>] {
    var lists: [[Range<Int>]] = []
    var hasEvent = false
    let whole: Range<Int>
    do throws(JSONError) {
      // So that an event that is too deep is rejected alone.
      var reader = JSONReader(bytes, maximumDepth: JSONReader.largestDepth)
      // Passes the white space before the payload.
      _ = try reader.peek()
      let start = reader.offset
      try reader.beginObject()
      while let key = try reader.nextKey() {
        if key == "type" || key == "data" { hasEvent = true }
        if key == "events" { lists.append(try elements(from: &reader)) } else { try reader.skip() }
      }
      whole = start..<reader.offset
      try reader.end()
    } catch {
      throw PublishError(error)
    }
    guard let list = lists.first else { return [whole] }
    guard lists.count == 1, !hasEvent else {
      throw PublishError(
        code: "wrong_shape", message: "a payload is one event, or {\"events\":[…]} with one list, not both")
    }
    return list
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

  /// The event as it is written; one that does not wait says so to whoever gets it.
  private mutating func published(_ event: Event, types: EventTypeTable) throws(EventRefusal) -> Event {
    var event = try types.published(event)
    if event.isUrgent { event.priority = .high }
    if event.key == nil, types.keyMember(of: event.type) != nil, !keylessTypes.contains(event.type) {
      keylessTypes.append(event.type)
    }
    return event
  }
}

/// What was wrong, as the publisher is told: with an event, by its index among the events, or with the whole.
struct PublishError: Error, Equatable {
  let index: Int?
  let code: String
  let message: String
  /// The message that it came in, by its index among those of the invocation.
  var record: Int?

  init(index: Int? = nil, code: String, message: String) {
    self.index = index
    self.code = code
    self.message = message
  }

  /// The same of an event that stands further on, in that message.
  func moved(by count: Int, record: Int) -> PublishError {
    var error = PublishError(index: index.map { $0 + count }, code: code, message: message)
    error.record = record
    return error
  }

  init(_ refusal: EventRefusal, index: Int) {
    self.init(index: index, code: refusal.code.rawValue, message: refusal.message)
  }

  init(_ error: JSONError) {
    if case .wrongKind = error.code {
      self.init(code: "wrong_shape", message: "a payload is one event, or {\"events\":[…]} with a list: \(error)")
    } else {
      self.init(code: "not_json", message: "the payload is not JSON: \(error)")
    }
  }
}
