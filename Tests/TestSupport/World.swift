package import ConnectionStore
package import Connections
import Frames
package import Messaging
import Telemetry
import Testing

/// A table in memory with the connections over it, and what may be asked of both.
package struct World {
  package let clock = SettableClock()
  package let table: MemoryTable
  package let id = ConnectionID("AbCdEfG1oAMCJuQ=")!

  package init() { table = MemoryTable(clock: clock.clock) }

  package func connections(over table: (any Table)? = nil, shards: Int = 1) -> Connections {
    Connections(table: table ?? self.table, shards: shards, clock: clock.clock)
  }

  package func record(
    _ names: [String] = [], keys: [String] = [], id: ConnectionID? = nil, user: String? = "u-1", role: Role? = .admin,
    groups: [String] = []
  ) -> ConnectionRecord {
    var subscriptions = Subscriptions()
    _ = subscriptions.apply(change(add: names, keys: keys, count: 0))
    return ConnectionRecord(
      id: id ?? self.id, principal: Principal(user: user, role: role, groups: groups), sourceAddress: "203.0.113.7",
      connectedAtMilliseconds: clock.seconds * 1000, subscriptions: subscriptions)
  }

  package func change(
    add names: [String] = [], remove: [String] = [], keys: [String] = [], count: Int64?, milliseconds: Int64 = 0,
    message: String = ""
  ) -> SubscriptionChange {
    SubscriptionChange(
      add: SubscriptionRequest(names: names, keys: keys).resolved(for: .admin, types: .standard).accepted,
      remove: SubscriptionRequest(names: remove, keys: remove.isEmpty ? [] : keys).removals(types: .standard),
      order: Order(
        count: count, milliseconds: clock.seconds * 1000 + milliseconds, messageID: message))
  }

  /// The connections an event reaches, by every page.
  package func recipients(_ events: [Event], shards: Int = 1, pageSize: Int = 2) throws -> [Recipient] {
    var all: [Recipient] = []
    for run in events.runs {
      var listeners = RecipientReader(run, table: table, types: .standard, shards: shards, pageSize: pageSize)
      while case let page = try listeners.next(), !page.isEmpty { all += page }
    }
    return all
  }

  package func reaches(_ type: String, key: String? = nil, audience: Audience = .everyone) throws -> [String] {
    let event = Event(type: type, key: key, audience: audience, data: [], id: "1-a", timestamp: "")
    return try recipients([event]).map(\.id.text)
  }

  /// Every topic these tests use under which a listener row stands.
  package func stored(_ topics: [Topic]) throws -> Set<String> {
    var names: Set<String> = []
    for topic in topics where try !table.query(Query(partition: ListenerRow.partition(topic, shard: 0))).items.isEmpty {
      names.insert(topic.name)
    }
    return names
  }
}

extension [Event] {
  /// A run of each stream, in the order of the streams' first events.
  package var runs: [EventBatch] {
    var streams: [[Event]] = []
    for event in self {
      if let offset = streams.firstIndex(where: { $0[0].stream.hasSameBytes(as: event.stream) }) {
        streams[offset].append(event)
      } else {
        streams.append([event])
      }
    }
    return streams.map { EventBatch($0) }
  }
}
