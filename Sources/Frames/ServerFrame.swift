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

/// How events of a type are written for a client that knows it by some name: what the file of event types says of it.
package struct EventStyle: Hashable, Sendable {
  /// The type's own name, where its events are shown under their family's.
  package let name: String?
  /// In the dialect `flat` the data stay the member `data`.
  package let nestsData: Bool

  package init(name: String? = nil, nestsData: Bool = false) {
    self.name = name
    self.nestsData = nestsData
  }
}

/// The frames that travel to clients, as bytes.
package enum ServerFrame {
  /// An event as a client of that dialect sees it, under the name `shownAs`: the one that client subscribed by.
  ///
  /// `placement` is where it stands in its stream; without a log it stands nowhere.
  package static func event(
    _ event: Event, shownAs: String, style: EventStyle = EventStyle(), dialect: Dialect, placement: Placement? = nil
  ) -> [UInt8] {
    let written = WrittenEvent(event: event, shownAs: shownAs, style: style, placement: placement)
    return switch dialect {
    case .typed: written.typed()
    case .flat: written.flat()
    case .message: written.message()
    }
  }
}
