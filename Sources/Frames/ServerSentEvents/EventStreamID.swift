import Messaging

/// The `id` of a frame, and what comes back of it as `Last-Event-ID`: `{event ms}-{event random}.{cursor}`.
///
/// The server goes on after the part behind the dot; a client tells by the part before it whether it has the event already.
///
///     1735819801000-000004f2a1.AYPz0cFqBwk   goes on after that cursor
///     1735819801000-000004f2a1               of another server, or of a client that kept only the name of an event
///     AYPz0cFqBwk                            a cursor, as `cursor` in a query has it
package enum EventStreamID: Equatable {
  case cursor(String)
  case event(String)

  /// No client of this server sends a longer one.
  package static let maximumBytes = 64 + Cursor.maximumBytes

  package static func text(event: String, cursor: String) -> String { "\(event).\(cursor)" }

  /// Whatever came: what is no id of ours is one that nothing is known of, never an error.
  package init(_ text: String) {
    guard text.utf8.count <= Self.maximumBytes, let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")) else {
      self = EventTime.milliseconds(ofID: text) == nil ? .cursor(text) : .event(text)
      return
    }
    self = .cursor(String(Substring(text.utf8[text.utf8.index(after: dot)...])))
  }
}
