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
      writer.members(of: event.members) { _ in true }
      writer.member(Member.data, raw: event.data)
    }
    return writer.bytes
  }

  /// The members of `data` go in beside `type`, all but a `type` of their own; anything that is no object stays `data`, and
  /// so do the data of a type that says so, unless they have a member `data` themselves.
  func flat() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: event.data.count + event.members.count + 320)
    let names = names(of: event.data)
    writer.object { writer in
      writer.member(Member.type, shownAs)
      if let names, !style.nestsData || names.contains(Member.data) {
        writer.members(of: event.data) { $0 != Member.type }
        writer.members(of: event.members) { !names.contains($0) }
      } else {
        writer.member(Member.data, raw: event.data)
        writer.members(of: event.members) { _ in true }
      }
      appendOwn(beside: names ?? [], to: &writer)
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
        writer.members(of: event.members) { _ in true }
      }
      appendOwn(beside: names(of: event.data) ?? [], to: &writer)
    }
    return writer.bytes
  }

  /// What a client of the source protocols is told of the event itself. Where the data have a member of such a name it is
  /// `event_id` and so on; where they have that too, it is left out.
  private func appendOwn(beside names: [String], to writer: inout JSONWriter) {
    func free(_ name: String) -> String? { [name, "event_\(name)"].first { !names.contains($0) } }
    if let name = free(Member.name) { writer.member(name, ifPresent: style.name) }
    if let id = free(Member.id) { writer.member(id, event.id) }
    if let sequence = free(Member.sequence), let placement { writer.member(sequence, placement.sequence) }
    if let version = free(Member.version), let number = event.version { writer.member(version, number) }
    if let priority = free(Member.priority) { writer.member(priority, ifPresent: event.priority?.rawValue) }
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
  /// The members of a JSON object, those whose names are wanted, as the bytes they stand in; none of anything else.
  fileprivate mutating func members(of object: [UInt8], where isWanted: (String) -> Bool) {
    guard !object.isEmpty else { return }
    var reader = JSONReader(object)
    guard (try? reader.peek()) == .object, (try? reader.beginObject()) != nil else { return }
    while let name = try? reader.nextKey(), let value = try? reader.rawValue() {
      if isWanted(name) { member(name, raw: value) }
    }
  }
}
