import JSON
package import Messaging

/// Where an event stands in its stream, and how it comes to a client.
package struct Placement: Hashable, Sendable {
  package let sequence: Int64
  /// How many earlier events of its key it stands for, which stay in the log.
  package let folded: Int
  /// The client's count of hellos, if it answers one.
  package let replay: Int64?
  /// The sequence number of the oldest event it stands for: who lacks this frame lacks everything from there on.
  package let first: Int64
  /// Which events are not to be parted.
  package let group: Int

  package init(sequence: Int64, folded: Int = 0, replay: Int64? = nil, first: Int64? = nil, group: Int = 0) {
    self.sequence = sequence
    self.folded = folded
    self.replay = replay
    self.first = first ?? sequence
    self.group = group
  }
}

/// The frames that travel to clients, as bytes.
package enum Frame {
  /// An event as a client of that dialect sees it, under the name `shownAs`: the one that client subscribed by.
  ///
  /// `placement` is where it stands in its stream; without a log it stands nowhere.
  package static func event(
    _ event: Event, shownAs: String, dialect: Dialect, placement: Placement? = nil
  ) -> [UInt8] {
    switch dialect {
    case .typed: typed(event, shownAs: shownAs, placement: placement)
    case .flat: flat(event, shownAs: shownAs)
    case .message: message(event, shownAs: shownAs)
    }
  }

  // MARK: Dialects

  private static func typed(_ event: Event, shownAs: String, placement: Placement?) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: event.data.count + 256)
    writer.object { writer in
      writer.member(Member.type, shownAs)
      writer.member("key", ifPresent: event.key)
      writer.member(Member.id, event.id)
      if let placement {
        writer.member(Member.stream, event.stream)
        writer.member(Member.sequence, placement.sequence)
        if placement.folded > 0 { writer.member("folded", placement.folded) }
        if let replay = placement.replay { writer.member(Member.replay, replay) }
      }
      writer.member(Member.timestamp, event.timestamp)
      writer.member("priority", ifPresent: event.priority?.rawValue)
      writer.member("correlationId", ifPresent: event.correlationID)
      writer.member(Member.data, raw: event.data)
    }
    return writer.bytes
  }

  /// The members of `data` go in beside `type`, all but a `type` of their own; anything that is no object stays `data`.
  private static func flat(_ event: Event, shownAs: String) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: event.data.count + 256)
    writer.object { writer in
      writer.member(Member.type, shownAs)
      let isFlattened = appendMembers(of: event.data, to: &writer)
      if !isFlattened { writer.member(Member.data, raw: event.data) }
    }
    return writer.bytes
  }

  private static func appendMembers(of data: [UInt8], to writer: inout JSONWriter) -> Bool {
    var reader = JSONReader(data)
    guard (try? reader.peek()) == .object, (try? reader.beginObject()) != nil else { return false }
    while let name = try? reader.nextKey(), let value = try? reader.rawValue() {
      if name != Member.type { writer.member(name, raw: value) }
    }
    return true
  }

  private static func message(_ event: Event, shownAs: String) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: event.data.count + 320)
    let channel = event.key.map { "\(shownAs):\($0)" } ?? shownAs
    let kind = event.type.hasPrefix("stream:") ? String(event.type.dropFirst("stream:".count)) : event.type
    writer.object { writer in
      writer.member("type", "data")
      writer.key("message")
      writer.object { writer in
        writer.member("channel", channel)
        writer.member("data_type", kind)
        writer.member(Member.timestamp, event.timestamp)
        writer.member("symbol", ifPresent: event.key)
        writer.member(Member.data, raw: event.data)
      }
    }
    return writer.bytes
  }
}
