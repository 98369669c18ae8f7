import JSON
package import Messaging
import Telemetry

// What the server answers to a hello, in this order: `connection`, `resume` if the client said where it was, the states,
// the missed events, `ready`.
extension ServerFrame {
  package static func connection(
    id: ConnectionID, principal: Principal, subscriptions: Int, refused: [SubscriptionRequest.Refusal], replay: Int64,
    milliseconds: Int64
  ) -> [UInt8] {
    JSONWriter.frame(.connection) { writer in
      writer.member("status", "connected")
      writer.member(Member.connectionID, id.text)
      writer.member(Member.user, ifPresent: principal.user)
      writer.member(Member.role, ifPresent: principal.role?.rawValue)
      writer.member(Member.replay, replay)
      writer.member(Member.subscriptions, subscriptions)
      if !refused.isEmpty { writer.member(Member.refused, refused: refused) }
      writer.member(Member.timestamp, Timestamp.rfc3339(milliseconds: milliseconds))
    }
  }

  /// `replay`: the hello that it answers; a server-sent event answers none.
  package static func resume(_ outcome: ResumeOutcome, replay: Int64? = nil) -> [UInt8] {
    JSONWriter.frame(.resume) { writer in
      writer.member(Member.replay, ifPresent: replay)
      writer.optional(Member.from, text: outcome.from)
      writer.member(Member.to, outcome.to.text)
      writer.member(Member.recovered, outcome.extent.rawValue)
      writer.optional(Member.missed, number: outcome.missed)
      writer.optional(Member.reason, text: outcome.reason?.rawValue)
      guard !outcome.streams.isEmpty else { return }
      writer.key(Member.streams)
      writer.array { writer in
        for stream in outcome.streams { writer.object { write(stream, to: &$0) } }
      }
    }
  }

  private static func write(_ stream: ResumeOutcome.Stream, to writer: inout JSONWriter) {
    writer.member(Member.stream, stream.stream)
    writer.member(Member.recovered, stream.extent.rawValue)
    writer.optional(Member.missed, number: stream.missed)
    writer.optional(Member.reason, text: stream.reason?.rawValue)
  }

  /// The state of a stream as of an event; `hasMore`: another frame goes on with it.
  package static func snapshot(
    stream: String, through sequence: Int64, events: ArraySlice<[UInt8]>, replay: Int64?, hasMore: Bool
  ) -> [UInt8] {
    JSONWriter.frame(.snapshot) { writer in
      writer.member(Member.replay, ifPresent: replay)
      writer.member(Member.stream, stream)
      writer.member(Member.sequence, sequence)
      if hasMore { writer.member(Member.more, true) }
      writer.key(Member.events)
      writer.array { writer in
        for event in events { writer.raw(event) }
      }
    }
  }

  /// The client has everything; `cursor` is where it is now.
  package static func ready(replay: Int64, cursor: Cursor) -> [UInt8] {
    JSONWriter.frame(.ready) { writer in
      writer.member(Member.replay, replay)
      writer.member(Member.cursor, cursor.text)
    }
  }
}

/// What came of a cursor, as `resume` tells it. For example: a client that had 4 comes back to a log that was trimmed to 7
/// to 9: it gets these, and is told `"recovered":"part","missed":2,"reason":"expired"`.
package struct ResumeOutcome: Equatable, Sendable {
  /// How much of what a client lacked it gets.
  package enum Extent: String, Sendable {
    case all
    case part
    case none
  }

  /// Why it does not get everything.
  package enum Reason: String, Sendable {
    /// There was more than one answer holds.
    case trimmed
    /// The log no longer reaches so far back.
    case expired
    /// The cursor belongs to a log that was made anew since, or is ahead of it.
    case epoch
    /// The cursor cannot be read.
    case unknown
  }

  /// A stream of which it does not get everything.
  package struct Stream: Equatable, Sendable {
    package let stream: String
    package let extent: Extent
    /// How many events it will never see; nil: unknown.
    package let missed: Int64?
    package let reason: Reason?

    package init(stream: String, extent: Extent, missed: Int64?, reason: Reason?) {
      self.stream = stream
      self.extent = extent
      self.missed = missed
      self.reason = reason
    }
  }

  /// The cursor that came, if it could be read.
  package let from: String?
  /// Where the client is once it has all of this.
  package let to: Cursor
  /// Of all streams together.
  package let extent: Extent
  package let missed: Int64?
  package let reason: Reason?
  package let streams: [Stream]

  package init(from: String?, to: Cursor, extent: Extent, missed: Int64?, reason: Reason?, streams: [Stream]) {
    self.from = from
    self.to = to
    self.extent = extent
    self.missed = missed
    self.reason = reason
    self.streams = streams
  }
}
