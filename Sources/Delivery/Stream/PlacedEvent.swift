import Connections
import EventLog
import Frames
import JSON
package import Messaging

/// An event of a round as it is sent: those of its key before it may be conflated into it.
struct PlacedEvent {
  let event: Event
  let placement: Placement

  /// What is sent of `events`. For example: of the prices 7 (AAPL), 8 (MSFT) and 9 (AAPL), 8 and 9; the placement of 9 says
  /// that it stands for one more, the first of which is 7. Of three fills of one order, all: their type does not conflate.
  static func conflated(_ events: [LoggedEvent], types: EventTypeTable) -> [PlacedEvent] {
    Conflation.conflate(events.map(\.event)) { !types.mayConflate($0) }.map { kept in
      let logged = events[kept.index]
      return PlacedEvent(
        event: logged.event,
        placement: Placement(
          sequence: logged.sequence, folded: kept.count, first: events[kept.first].sequence, group: kept.group))
    }
  }
}

extension EventTypeTable {
  /// Whether a newer event of its key may stand for it. A change (`"update_type":"delta"`) says less than the state that
  /// it changes, whatever its type.
  fileprivate func mayConflate(_ event: Event) -> Bool {
    conflates(event.type) && !event.isUrgent && !event.isChange
  }
}

extension Event {
  fileprivate var isChange: Bool { !members.isEmpty && Self.text(of: "update_type", in: members) == "delta" }

  /// Events of high priority, and alarms about errors, do not wait for the window and are not conflated.
  package var isUrgent: Bool { priority == .high || isErrorAlert }

  /// What becomes of one is logged.
  var isErrorAlert: Bool { type == "alert:new" && Self.text(of: "level", in: data) == "error" }

  /// The string that a member of an object is; nil: it is none, or there is no such member.
  private static func text(of member: String, in object: [UInt8]) -> String? {
    var reader = JSONReader(object)
    guard (try? reader.beginObject()) != nil else { return nil }
    while let name = try? reader.nextKey() {
      if name == member { return try? reader.string() }
      guard (try? reader.skip()) != nil else { return nil }
    }
    return nil
  }
}
