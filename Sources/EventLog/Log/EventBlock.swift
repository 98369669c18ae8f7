package import Messaging

/// An event in its stream.
package struct LoggedEvent: Equatable, Sendable {
  package let sequence: Int64
  package let event: Event

  package init(sequence: Int64, event: Event) {
    self.sequence = sequence
    self.event = event
  }
}

/// The events of one append as one block of bytes.
///
/// A version byte, then for each event its fields, each with its length before it. `data` stands as it was published.
/// The audience is the stream's, and an idempotency key is kept by its claim, so neither stands here. A block whose events
/// have no version and no members of an application's own is of version 1, which releases before these read too.
enum EventBlock {
  private static let versions: ClosedRange<UInt8> = 1...2

  /// What is said of an event beside its strings.
  private struct Flags: OptionSet {
    let rawValue: UInt8
    static let key = Flags(rawValue: 1)
    static let correlation = Flags(rawValue: 2)
    static let normal = Flags(rawValue: 4)
    static let high = Flags(rawValue: 8)
    static let version = Flags(rawValue: 16)
    static let members = Flags(rawValue: 32)
  }

  /// At least as many bytes as the event takes in a block.
  static func bound(of event: Event) -> Int {
    event.data.count + event.members.count + event.type.utf8.count + (event.key?.utf8.count ?? 0) + event.id.utf8.count
      + event.timestamp.utf8.count + (event.correlationID?.utf8.count ?? 0) + 40
  }

  static func encode(_ events: some Collection<Event>) -> [UInt8] {
    var writer = FieldWriter(reservingBytes: events.reduce(1) { $0 + bound(of: $1) })
    writer.byte(events.contains { $0.version != nil || !$0.members.isEmpty } ? 2 : 1)
    for event in events { append(event, to: &writer) }
    return writer.bytes
  }

  private static func append(_ event: Event, to writer: inout FieldWriter) {
    var flags: Flags = []
    if event.key != nil { flags.insert(.key) }
    if event.correlationID != nil { flags.insert(.correlation) }
    if event.version != nil { flags.insert(.version) }
    if !event.members.isEmpty { flags.insert(.members) }
    switch event.priority {
    case .normal: flags.insert(.normal)
    case .high: flags.insert(.high)
    case nil: break
    }
    writer.byte(flags.rawValue)
    writer.text(event.type)
    if let key = event.key { writer.text(key) }
    writer.text(event.id)
    writer.text(event.timestamp)
    if let correlation = event.correlationID { writer.text(correlation) }
    if let version = event.version { writer.text("\(version)") }
    if !event.members.isEmpty { writer.field(event.members) }
    writer.field(event.data)
  }

  /// The events of a block whose first one has that sequence number. Nil for what this release does not understand.
  static func decode(_ bytes: [UInt8], first: Int64, audience: Audience) -> [LoggedEvent]? {
    var reader = FieldReader(bytes)
    guard let version = reader.byte(), versions.contains(version) else { return nil }
    var events: [LoggedEvent] = []
    while !reader.isAtEnd {
      guard let event = event(from: &reader, audience: audience) else { return nil }
      events.append(LoggedEvent(sequence: first + Int64(events.count), event: event))
    }
    return events
  }

  private static func event(from reader: inout FieldReader, audience: Audience) -> Event? {
    guard let flags = reader.byte().map(Flags.init), let type = reader.text() else { return nil }
    let key = flags.contains(.key) ? reader.text() : nil
    guard let id = reader.text(), let timestamp = reader.text() else { return nil }
    let correlation = flags.contains(.correlation) ? reader.text() : nil
    let version = flags.contains(.version) ? reader.text().flatMap { Int($0) } : nil
    let members = flags.contains(.members) ? reader.field().map(Array.init) : []
    guard let members, let data = reader.field() else { return nil }
    return Event(
      type: type, key: key, audience: audience, version: version, data: Array(data), members: members, id: id,
      timestamp: timestamp,
      priority: flags.contains(.high) ? .high : flags.contains(.normal) ? .normal : nil, correlationID: correlation)
  }
}
