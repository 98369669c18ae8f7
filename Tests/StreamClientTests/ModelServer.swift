import Frames
import JSON
import Messaging
import TestSupport
import Testing

/// A server of the protocol over a log in memory, for one client, as simple as can be and as unkind as it may be: its
/// work is done in steps, which come in any order that the protocol leaves open.
struct ModelServer {
  struct Event {
    let sequence: Int64
    let type: String
    let key: String?
    let id: String
  }

  struct Stream {
    let name: String
    var epoch = 0
    /// From `first` on; what is before it was trimmed.
    var events: [Event] = []
    /// All there ever were in this epoch.
    var history: [Event] = []
    var first: Int64 = 1
    var deliveredThrough: Int64 = 0
    /// The first event that the connection lacks, if a post to it was refused.
    var lagsFrom: Int64?

    var head: Int64 { first + Int64(events.count) - 1 }

    func slice(_ range: ClosedRange<Int64>) -> [Event] { events.filter { range.contains($0.sequence) } }
  }

  /// The answer to one hello, of which each frame is a step.
  struct Answer {
    let connection: Int
    let replay: Int64
    var frames: [[UInt8]]
  }

  var streams: [Stream] = ["all/a", "all/b", "user/u-1"].map { Stream(name: $0) }
  /// Counts connections; posts to an earlier one go nowhere.
  var connection = 0
  var followed: Set<String> = []
  var answers: [Answer] = []
  /// What was posted and has not arrived.
  var wire: [[UInt8]] = []
  /// What the last hello is told to be missing, as stream and numbers.
  var missed: [(stream: String, range: ClosedRange<Int64>)] = []
  var generator: SeededGenerator
  private var parts = 0

  init(seed: UInt64) { generator = SeededGenerator(seed) }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

  // MARK: Log

  mutating func append(to position: Int) {
    let stream = streams[position]
    let key = chance(80) ? "k\(Int.random(in: 1...3, using: &generator))" : nil
    let type = String(stream.name.dropFirst(stream.name.hasPrefix("all/") ? 4 : 5))
    let event = Event(
      sequence: stream.head + 1, type: type, key: key, id: "\(stream.name)-\(stream.epoch)-\(stream.head + 1)")
    streams[position].events.append(event)
    streams[position].history.append(event)
  }

  mutating func trim(_ position: Int) {
    let count = min(streams[position].events.count, Int.random(in: 1...8, using: &generator))
    // Retention does not reach what was not sent.
    for _ in 0..<count where streams[position].first <= streams[position].deliveredThrough {
      streams[position].events.removeFirst()
      streams[position].first += 1
    }
  }

  /// The log is begun anew, as after its table was lost.
  mutating func renew(_ position: Int) {
    let old = streams[position]
    streams[position] = Stream(name: old.name, epoch: old.epoch + 1)
  }

  // MARK: Sending

  /// One round of a stream's sender. False: the log does not reach back to what the connection lacks, so it is to be
  /// closed; the client comes back and is told.
  mutating func round(_ position: Int) -> Bool {
    let stream = streams[position]
    guard stream.head > stream.deliveredThrough || stream.lagsFrom != nil else { return true }
    if let lagsFrom = stream.lagsFrom, lagsFrom < stream.first { return false }
    let end =
      stream.head > stream.deliveredThrough
      ? Int64.random(in: stream.deliveredThrough + 1...stream.head, using: &generator) : stream.deliveredThrough
    streams[position].deliveredThrough = end
    guard followed.contains(stream.name) else { return true }
    let from = stream.lagsFrom ?? stream.deliveredThrough + 1
    if chance(10) {
      streams[position].lagsFrom = from
      return true
    }
    let events = stream.slice(from...end)
    send(stream.lagsFrom == nil ? folded(events) : events.map { ($0, 0) }, of: stream)
    // It did not hear of the success, and does it again in the next round.
    streams[position].lagsFrom = chance(10) ? from : nil
    return true
  }

  /// Of each key the newest only.
  private mutating func folded(_ events: [Event]) -> [(Event, Int)] {
    guard chance(50) else { return events.map { ($0, 0) } }
    return events.compactMap { event in
      let same = events.filter { $0.key != nil && $0.key == event.key }
      if same.last.map({ $0.sequence > event.sequence }) == true { return nil }
      return (event, max(0, same.count - 1))
    }
  }

  private mutating func send(_ events: [(Event, Int)], of stream: Stream) {
    let frames = events.map { event, count in Self.frame(event, stream, folded: count) }
    if chance(50) {
      post(Self.batch(frames))
    } else {
      for frame in frames { post(frame) }
    }
  }

  /// Plain, compressed or in parts; sometimes twice, the second time perhaps much later.
  private mutating func post(_ frame: [UInt8]) {
    if chance(10) {
      for part in inParts(frame) { wire += Array(repeating: part, count: chance(10) ? 2 : 1) }
      return
    }
    let frame = chance(10) ? Self.compressed(frame) : frame
    wire.append(frame)
    if chance(10) { wire.append(frame) }
    if chance(10), let late = wire.randomElement(using: &generator), !text(late).contains("\"part\"") {
      wire.append(late)
    }
  }

  // MARK: Hello

  mutating func consume(_ frame: [UInt8]) throws {
    let members = try Members(frame[...])
    switch try members.string("type") {
    case "hello": try hello(members)
    case "ping": if chance(90) { wire.append(pong(try members.number("n") ?? 0)) }
    default: Issue.record("the client said \(text(frame))")
    }
  }

  private func pong(_ count: Int64) -> [UInt8] {
    bytes(#"{"type":"pong","n":\#(count),"cursor":"\#(cursor { ($0.lagsFrom ?? $0.deliveredThrough + 1) - 1 })"}"#)
  }

  private mutating func hello(_ members: Members) throws {
    if chance(5) { return }
    let replay = try #require(try members.number("n"))
    followed = Set(try members.strings("eventTypes").map { "all/\($0)" } + ["user/u-1"])
    let cursor = members["cursor"] == nil ? nil : try members.string("cursor")
    let seen = try Members(members["seen"] ?? Array("{}".utf8)[...])
    var frames = [bytes(#"{"type":"connection","replay":\#(replay)}"#)]
    var reported: [[UInt8]] = []
    missed = []
    for stream in streams where followed.contains(stream.name) {
      let position = Self.position(of: stream, in: cursor, try seen.number(stream.name))
      if let position, position + 1 < stream.first { missed.append((stream.name, position + 1...stream.first - 1)) }
      if let position, position + 1 >= stream.first || chance(50) {
        reported += missedEvents(stream, after: max(position, stream.first - 1), replay)
      } else {
        reported += snapshot(stream, replay)
      }
    }
    if cursor != nil { frames.append(Self.resume(replay, missed)) }
    frames += reported
    frames.append(bytes(#"{"type":"ready","replay":\#(replay),"cursor":"\#(self.cursor { $0.head })"}"#))
    // It breaks off, or is done twice.
    if chance(10) { frames.removeLast(Int.random(in: 1...frames.count, using: &generator)) }
    let answer = Answer(connection: connection, replay: replay, frames: frames)
    answers += chance(10) ? [answer, answer] : [answer]
  }

  /// What a client saw counts only in the epoch its cursor speaks of.
  private static func position(of stream: Stream, in cursor: String?, _ seen: Int64?) -> Int64? {
    let mark = "\(stream.name)@\(stream.epoch)="
    guard let entry = cursor?.split(separator: ";").first(where: { $0.hasPrefix(mark) }),
      let sequence = Int64(entry.dropFirst(mark.count))
    else { return nil }
    return max(sequence, seen ?? 0)
  }

  private func cursor(_ sequence: (Stream) -> Int64) -> String {
    streams.filter { followed.contains($0.name) }.map { "\($0.name)@\($0.epoch)=\(sequence($0))" }
      .joined(separator: ";")
  }

  private mutating func missedEvents(_ stream: Stream, after position: Int64, _ replay: Int64) -> [[UInt8]] {
    guard position < stream.head else { return [] }
    let frames = stream.slice(position + 1...stream.head).map { Self.frame($0, stream, replay: replay) }
    return chance(50) ? frames : [Self.batch(frames)]
  }

  private mutating func snapshot(_ stream: Stream, _ replay: Int64) -> [[UInt8]] {
    let frames = stream.events.filter { $0.key != nil }.map { Self.frame($0, stream) }
    let cut = chance(30) ? frames.count / 2 : frames.count
    let pieces = cut < frames.count ? [Array(frames[..<cut]), Array(frames[cut...])] : [frames]
    return pieces.enumerated().map { position, piece in
      let more = position + 1 < pieces.count ? #","more":true"# : ""
      let head = #"{"type":"snapshot","replay":\#(replay),"stream":"\#(stream.name)","seq":\#(stream.head)\#(more)"#
      return bytes("\(head),\"events\":[\(piece.map { text($0) }.joined(separator: ","))]}")
    }
  }

  /// Posts the next frame of some answer.
  mutating func answerStep() {
    guard !answers.isEmpty else { return }
    let position = Int.random(in: 0..<answers.count, using: &generator)
    guard answers[position].connection == connection, !answers[position].frames.isEmpty else {
      answers.remove(at: position)
      return
    }
    post(answers[position].frames.removeFirst())
  }

  // MARK: Frames

  private static func resume(_ replay: Int64, _ missed: [(stream: String, range: ClosedRange<Int64>)]) -> [UInt8] {
    let streams = missed.map {
      #"{"stream":"\#($0.stream)","recovered":"part","missed":\#($0.range.count),"reason":"trimmed"}"#
    }
    let count = missed.reduce(0) { $0 + $1.range.count }
    return bytes(
      #"{"type":"resume","replay":\#(replay),"from":null,"to":null,"recovered":"\#(count == 0 ? "all" : "part")","#
        + #""missed":\#(count),"reason":null,"streams":[\#(streams.joined(separator: ","))]}"#)
  }

  private static func frame(_ event: Event, _ stream: Stream, folded: Int = 0, replay: Int64? = nil) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", event.type)
      writer.member("key", ifPresent: event.key)
      writer.member("id", event.id)
      writer.member("stream", stream.name)
      writer.member("seq", event.sequence)
      if folded > 0 { writer.member("folded", folded) }
      if let replay { writer.member("replay", replay) }
      writer.member("data", 1)
    }
    return writer.bytes
  }

  private static func batch(_ frames: [[UInt8]]) -> [UInt8] {
    bytes(#"{"type":"batch","events":[\#(frames.map { text($0) }.joined(separator: ","))],"cursor":"one"}"#)
  }

  private static func compressed(_ frame: [UInt8]) -> [UInt8] {
    bytes(#"{"type":"gzip","data":"\#(Base64.encode(Gzip.compress(frame) ?? []))"}"#)
  }

  private mutating func inParts(_ frame: [UInt8]) -> [[UInt8]] {
    parts += 1
    let cut = frame.count / 2
    return [frame[..<cut], frame[cut...]].enumerated().map { index, piece in
      var writer = JSONWriter()
      writer.object { writer in
        writer.member("type", "part")
        writer.member("id", "p-\(parts)")
        writer.member("index", index)
        writer.member("count", 2)
        writer.member("data", text(piece))
      }
      return writer.bytes
    }
  }
}
