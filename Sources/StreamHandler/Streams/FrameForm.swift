import Connections
import EventLog
import Frames
import JSON
import Messaging

/// How a route writes an event: what stands in its frame beside `id` and `retry`.
struct FrameForm: Hashable {
  let framing: Route.Framing
  let form: Route.Form

  /// The part of a frame that every client of the route gets alike.
  func head(of logged: LoggedEvent, shownAs: String, folded: Int, types: EventTypeTable) -> [UInt8] {
    head(event: shownAs, data: data(of: logged, shownAs: shownAs, folded: folded, types: types))
  }

  /// `event` by the route's framing.
  func head(event: String, data: [UInt8]) -> [UInt8] {
    switch framing {
    case .named: EventStreamFrame.head(event: event, data: data)
    case .unnamed: EventStreamFrame.head(event: nil, data: data)
    case .both: EventStreamFrame.frame(event: event, data: data) + EventStreamFrame.head(event: nil, data: data)
    }
  }

  /// What the protocol itself says: the name `connection` is that of the event, and the type in its data.
  func control(_ event: String, data: [UInt8], id: String? = nil, retryMilliseconds: Int64?) -> [UInt8] {
    EventStreamFrame.frame(
      event: framing == .unnamed ? nil : event, data: data, id: id, retryMilliseconds: retryMilliseconds)
  }

  /// What stands in `data`.
  func data(of logged: LoggedEvent, shownAs: String, folded: Int, types: EventTypeTable) -> [UInt8] {
    guard let dialect = form.dialect else { return EventStreamData.own(of: logged.event) }
    return ServerFrame.event(
      logged.event, shownAs: shownAs, style: types.style(of: logged.event.type, shownAs: shownAs), dialect: dialect,
      placement: Placement(sequence: logged.sequence, folded: folded))
  }
}

/// The heads of frames that were written lately: a thousand clients of one route get the same bytes.
struct FrameHeads {
  private struct Key: Hashable {
    let event: String
    let shownAs: String
    let folded: Int
    let form: FrameForm
  }

  private var heads: [Key: [UInt8]] = [:]
  private var bytes = 0
  private let types: EventTypeTable

  private static let mostBytes = 4 << 20

  init(types: EventTypeTable) { self.types = types }

  mutating func head(of logged: LoggedEvent, shownAs: String, folded: Int, form: FrameForm) -> [UInt8] {
    let key = Key(event: logged.event.id, shownAs: shownAs, folded: folded, form: form)
    if let head = heads[key] { return head }
    let head = form.head(of: logged, shownAs: shownAs, folded: folded, types: types)
    if bytes + head.count > Self.mostBytes {
      heads.removeAll(keepingCapacity: true)
      bytes = 0
    }
    heads[key] = head
    bytes += head.count
    return head
  }
}
