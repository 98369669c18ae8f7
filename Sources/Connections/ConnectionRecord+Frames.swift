package import Frames
import Messaging

// What the protocol tells a client of its own connection.
extension ConnectionRecord {
  package func connectionFrame(
    refused: [SubscriptionRequest.Refusal], replay: Int64, milliseconds: Int64
  ) -> [UInt8] {
    ServerFrame.connection(
      id: id, principal: principal, subscriptions: subscriptions.active.count, refused: refused, replay: replay,
      milliseconds: milliseconds)
  }

  package func statusFrame(positions: [StreamPosition]) -> [UInt8] {
    let status = ServerFrame.Status(
      connectionID: id, principal: principal, clientName: clientName, dialect: dialect,
      connectedAtMilliseconds: connectedAtMilliseconds, eventTypes: subscriptions.shownTypes,
      subscriptions: subscriptions.active.count, correlationID: correlationID)
    return ServerFrame.status(status, positions: positions)
  }
}

extension Subscriptions {
  /// The types by the names their client knows them by, each once.
  fileprivate var shownTypes: [String] {
    var names: [String] = []
    for entry in active {
      let name = entry.shownAs ?? entry.type
      if !names.contains(where: { $0.hasSameBytes(as: name) }) { names.append(name) }
    }
    return names
  }
}
