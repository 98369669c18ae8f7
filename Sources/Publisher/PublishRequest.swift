import Connections
import JSON
import Messaging
import Telemetry

/// What a publisher asks for: one event, or `{"events":[…]}`. A bad event is refused alone.
struct PublishRequest {
  private(set) var events: [(index: Int, event: Event)] = []
  private(set) var errors: [PublishError] = []
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
        events.append((index, try Self.canonical(event, types: types)))
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

  /// The event under its canonical type; a key that the type's name holds (`stream:news:AAPL`) becomes its key.
  private static func canonical(_ event: Event, types: EventTypeTable) throws(EventRefusal) -> Event {
    var event = event
    let meaning = types.meaning(of: event.type)
    event.type = meaning.type
    guard let key = meaning.key else { return event }
    if let other = event.key, !other.hasSameBytes(as: key) {
      throw EventRefusal(code: .invalidField, message: "'type' holds the key \"\(key)\", but 'key' is another")
    }
    event.key = key
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
