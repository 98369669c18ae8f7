import JSON
import Messaging

/// An event on its way into a frame. `Docs/protocol.md` has the three forms side by side.
struct WrittenEvent {
  let event: Event
  /// The name by which the client asked for it.
  let shownAs: String
  let style: EventStyle
  let placement: Placement?

  func typed() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: event.data.count + event.members.count + 256)
    writer.object { writer in
      writer.member(Member.type, shownAs)
      writer.member(Member.name, ifPresent: style.name)
      writer.member("key", ifPresent: event.key)
      writer.member(Member.id, event.id)
      if let placement {
        writer.member(Member.stream, event.stream)
        writer.member(Member.sequence, placement.sequence)
        if placement.folded > 0 { writer.member("folded", placement.folded) }
        if let replay = placement.replay { writer.member(Member.replay, replay) }
      }
      if let version = event.version { writer.member(Member.version, version) }
      writer.member(Member.timestamp, event.timestamp)
      writer.member(Member.priority, ifPresent: event.priority?.rawValue)
      writer.member("correlationId", ifPresent: event.correlationID)
      writer.members(of: event.members) { $0 }
      writer.member(Member.data, raw: event.data)
    }
    return writer.bytes
  }

  /// The members of `data` go in beside `type`; anything that is no object stays `data`, and so do the data of a type that says
  /// so, unless they have a member `data` themselves. Of two that bear one name the data's keeps it, but for `type`.
  func flat() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: event.data.count + event.members.count + 320)
    let names = names(of: event.data)
    writer.object { writer in
      writer.member(Member.type, shownAs)
      guard let names, !style.nestsData || names.contains(Member.data) else {
        writer.member(Member.data, raw: event.data)
        writer.members(of: event.members) { $0 }
        // The clients that read these put data beside the frame's members.
        return appendOwn(beside: (names ?? []) + (self.names(of: event.members) ?? []), to: &writer)
      }
      var taken = Set(names)
      taken.insert(Member.type)
      let type = names.contains(Member.type) ? Self.free(Member.type, prefix: "data_", beside: &taken) : Member.type
      writer.members(of: event.data) { $0 == Member.type ? type : $0 }
      writer.members(of: event.members) { Self.free($0, prefix: "event_", beside: &taken) }
      appendOwn(beside: Array(taken), to: &writer)
    }
    return writer.bytes
  }

  /// `{"type":"data","message":{…}}`: a StreamMessage as it was published, and beside it where it stands.
  func message() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: event.data.count + event.members.count + 384)
    let channel = event.key.map { "\(shownAs):\($0)" } ?? shownAs
    let kind = event.type.hasPrefix("stream:") ? String(event.type.dropFirst("stream:".count)) : event.type
    writer.object { writer in
      writer.member(Member.type, "data")
      writer.key("message")
      writer.object { writer in
        writer.member("channel", channel)
        writer.member("data_type", kind)
        writer.member(Member.timestamp, event.timestamp)
        writer.member("symbol", ifPresent: event.key)
        writer.member(Member.data, raw: event.data)
        writer.members(of: event.members) { $0 }
      }
      appendOwn(beside: names(of: event.data) ?? [], to: &writer)
    }
    return writer.bytes
  }

  /// What a client of the source protocols is told of the event itself. Where the data have a member of such a name it is
  /// `event_id` and so on; where they have that too, `event_event_id`: nothing is left out.
  private func appendOwn(beside names: [String], to writer: inout JSONWriter) {
    var taken = Set(names)
    func free(_ name: String) -> String { Self.free(name, prefix: "event_", beside: &taken) }
    if let name = style.name { writer.member(free(Member.name), name) }
    writer.member(free(Member.id), event.id)
    if let placement { writer.member(free(Member.sequence), placement.sequence) }
    if let version = event.version { writer.member(free(Member.version), version) }
    if let priority = event.priority { writer.member(free(Member.priority), priority.rawValue) }
  }

  /// A name that no other member has, with as many prefixes as that needs; it is taken then.
  private static func free(_ name: String, prefix: String, beside taken: inout Set<String>) -> String {
    var name = name
    while !taken.insert(name).inserted { name = prefix + name }
    return name
  }

  /// The names of the members; nil: it is no object.
  private func names(of json: [UInt8]) -> [String]? {
    var reader = JSONReader(json)
    guard (try? reader.peek()) == .object, (try? reader.beginObject()) != nil else { return nil }
    var names: [String] = []
    while let name = try? reader.nextKey(), (try? reader.skip()) != nil { names.append(name) }
    return names
  }
}

extension JSONWriter {
  /// The members of a JSON object as the bytes they stand in, each by the name it is given; none of anything else.
  fileprivate mutating func members(of object: [UInt8], named shownName: (String) -> String) {
    guard !object.isEmpty else { return }
    var reader = JSONReader(object)
    guard (try? reader.peek()) == .object, (try? reader.beginObject()) != nil else { return }
    while let name = try? reader.nextKey(), let value = try? reader.rawValue() {
      member(shownName(name), raw: value)
    }
  }
}
