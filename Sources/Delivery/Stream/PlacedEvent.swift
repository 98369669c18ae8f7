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
    Conflation.conflate(events.map(\.event)) { $0.isUrgent || !types.conflates($0.type) }.map { kept in
      let logged = events[kept.index]
      return PlacedEvent(
        event: logged.event,
        placement: Placement(
          sequence: logged.sequence, folded: kept.count, first: events[kept.first].sequence, group: kept.group))
    }
  }
}

extension Event {
  /// Events of high priority, and alarms about errors, do not wait for the window and are not conflated.
  package var isUrgent: Bool { priority == .high || type == "alert:new" && saysError }

  /// Whether its data is an object that says `"level":"error"`.
  private var saysError: Bool {
    var reader = JSONReader(data)
    guard (try? reader.beginObject()) != nil else { return false }
    while let name = try? reader.nextKey() {
      if name == "level" { return (try? reader.string()) == "error" }
      guard (try? reader.skip()) != nil else { return false }
    }
    return false
  }
}
