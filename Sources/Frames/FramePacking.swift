import JSON
package import Messaging

/// Packs encoded events into frames: one frame if the client takes batches, none over what API Gateway carries.
package enum FramePacking {
  /// API Gateway bills, and the WebSocket frames of its clients carry, 32 KB at a time.
  package static let unitBytes = 32 * 1024
  /// API Gateway's limit on one message.
  package static let messageBytes = 128 * 1024
  /// Batches are cut here before they are compressed: market data shrinks to a fifth and less, and what does not shrink
  /// still fits one message.
  static let compressedBatchBytes = 90 * 1024

  /// What the events of a group take at most, so that a group fits one frame of a client that knows no compression.
  package static let groupBytes = unitBytes - 1024

  /// At least as many bytes as the event takes in a batch.
  package static func bound(of event: Event) -> Int {
    // The names of the members, numbers, and what is escaped in strings from outside.
    event.data.count + event.members.count + 2 * (event.key?.utf8.count ?? 0) + 4 * event.type.utf8.count
      + (event.correlationID?.utf8.count ?? 0) + event.stream.utf8.count + 256
  }

  /// The frames for one connection, in order; events of one group are not parted. `cursor` is where a client stands that
  /// has all of them. The events are frames by themselves, each one JSON object in the dialect `typed` where it accepts
  /// anything.
  package static func frames(
    _ events: [EncodedEvent], cursor: String?, accepts: Accepts, name: () -> String
  ) -> [OutgoingFrame] {
    let events = lackingLater(events)
    guard accepts.contains(.batch), events.count > 1 else {
      return events.indices.flatMap { index in
        packed(events[index].bytes, events: events, range: index..<index + 1, accepts: accepts, name)
      }
    }
    let limit = (accepts.contains(.gzip) ? compressedBatchBytes : unitBytes) - 256
    var frames: [OutgoingFrame] = []
    var start = 0
    while start < events.count {
      var end = start
      var bytes = 0
      while end < events.count {
        let next = groupEnd(after: end, events: events)
        let added = events[end..<next].reduce(next - end) { $0 + $1.bytes.count }
        if end > start, bytes + added > limit { break }
        bytes += added
        end = next
      }
      let isLast = end == events.count
      let frame =
        end - start == 1 && !isLast
        ? events[start].bytes : batch(events[start..<end], cursor: isLast ? cursor : nil, reservingBytes: bytes + 256)
      frames += packed(frame, events: events, range: start..<end, accepts: accepts, name)
      start = end
    }
    return frames
  }

  /// The frames of the events of several streams, for one connection, in order. The number of a frame's last event is its place
  /// among all of them, from 1 on.
  package static func joint(_ streams: [[EncodedEvent]], cursor: String, accepts: Accepts) -> [OutgoingFrame] {
    var events: [EncodedEvent] = []
    var group = 0
    for stream in streams {
      var before: Int?
      for event in stream {
        if event.group != before { group += 1 }
        before = event.group
        let position = Int64(events.count + 1)
        events.append(EncodedEvent(bytes: event.bytes, firstSequence: position, sequence: position, group: group))
      }
    }
    return frames(events, cursor: cursor, accepts: accepts) { "joint-\(cursor)" }
  }

  /// The frames of events that stand in no stream's order, as a snapshot's: each is a group.
  package static func frames(
    _ events: [[UInt8]], cursor: String?, accepts: Accepts, name: () -> String
  ) -> [OutgoingFrame] {
    let each = events.enumerated().map { EncodedEvent(bytes: $1, firstSequence: 0, group: $0) }
    return frames(each, cursor: cursor, accepts: accepts, name: name)
  }

  /// Each with the first event that is lacking without it and all after it: a later one may stand for events that are
  /// older than those of the ones before. Of 5, 6 and 7, where 7 stands for 4 too, each has 4.
  private static func lackingLater(_ events: [EncodedEvent]) -> [EncodedEvent] {
    guard events.count > 1 else { return events }
    var events = events
    for index in events.indices.dropLast().reversed() {
      events[index].firstSequence = min(events[index].firstSequence, events[index + 1].firstSequence)
    }
    return events
  }

  private static func groupEnd(after start: Int, events: [EncodedEvent]) -> Int {
    var end = start + 1
    while end < events.count, events[end].group == events[start].group { end += 1 }
    return end
  }

  private static func packed(
    _ frame: [UInt8], events: [EncodedEvent], range: Range<Int>, accepts: Accepts, _ name: () -> String
  ) -> [OutgoingFrame] {
    // A part that comes late is not taken for one of the next frame.
    bounded(frame, accepts: accepts) { "\(name())-\(range.lowerBound)" }.map {
      OutgoingFrame(
        bytes: $0, firstSequence: events[range.lowerBound].firstSequence,
        lastSequence: events[range.upperBound - 1].sequence)
    }
  }

  /// One frame as it may be sent: as it is, compressed, or in parts.
  package static func bounded(_ frame: [UInt8], accepts: Accepts, _ name: () -> String) -> [[UInt8]] {
    guard frame.count > unitBytes else { return [frame] }
    if accepts.contains(.gzip), let compressed = Gzip.frame(frame), compressed.count < frame.count,
      compressed.count <= messageBytes
    {
      return [compressed]
    }
    guard accepts.contains(.parts) else { return [frame] }
    return parts(frame, name: name())
  }

  /// `{"type":"batch","events":[…],"cursor":"…"}`
  private static func batch(
    _ events: ArraySlice<EncodedEvent>, cursor: String?, reservingBytes capacity: Int
  ) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: capacity)
    writer.object { writer in
      writer.member(Member.type, ControlType.batch.rawValue)
      writer.key(Member.events)
      writer.array { writer in
        for event in events { writer.raw(event.bytes) }
      }
      writer.member(Member.cursor, ifPresent: cursor)
    }
    return writer.bytes
  }

  /// `{"type":"part","id":…,"index":0,"count":3,"data":"…"}`: the data of all parts one after the other are the frame.
  private static func parts(_ frame: [UInt8], name: String) -> [[UInt8]] {
    let pieces = split(frame)
    return pieces.enumerated().map { index, piece in
      var writer = JSONWriter(reservingBytes: piece.count * 2 + 128)
      writer.object { writer in
        writer.member(Member.type, ControlType.part.rawValue)
        writer.member(Member.id, name)
        writer.member(Member.index, index)
        writer.member(Member.partCount, pieces.count)
        writer.member(Member.data, String(decoding: piece, as: UTF8.self))
      }
      return writer.bytes
    }
  }

  /// Pieces of at most 32 KB once each is written as a JSON string, cut between characters.
  private static func split(_ frame: [UInt8]) -> [ArraySlice<UInt8>] {
    let room = unitBytes - 160
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    var bytes = 0
    var position = 0
    while position < frame.count {
      var next = position + 1
      while next < frame.count, frame[next] & 0xC0 == 0x80 { next += 1 }
      let cost = cost(of: frame[position], count: next - position)
      if bytes + cost > room {
        pieces.append(frame[start..<position])
        (start, bytes) = (position, 0)
      }
      bytes += cost
      position = next
    }
    pieces.append(frame[start...])
    return pieces
  }

  /// How many bytes a character takes inside a JSON string.
  private static func cost(of first: UInt8, count: Int) -> Int {
    switch first {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): 2
    case 0..<0x20: 6
    default: count
    }
  }
}
