import ConnectionStore
import Foundation
import Messaging
import Streams
import Testing

/// The table of `Docs/cost.md`, measured. A change that makes something dearer or cheaper fails here until the page says so.
@Suite("what the table costs")
struct TableCostTests {
  /// As `infra/template.yaml` sets it.
  static let shards = 8

  @Test("Docs/cost.md tells the requests and units that the code makes")
  func page() throws {
    let page = try String(contentsOf: Self.repository.appending(path: "Docs/cost.md"), encoding: .utf8)
    for row in try rows() { #expect(page.contains(row), "the page lacks this row, as measured now:\n\(row)") }
  }

  @Test("a $connect writes its row and one a topic in one request, and reads nothing: fewer would lose one of them")
  func connect() throws {
    let world = World()
    let table = MeteredTable(world.table)
    let record = world.record(["signal", "risk", "system"], groups: ["g-1"])
    let cost = try table.cost { _ = try world.connections(over: table, shards: Self.shards).connect(record) }
    #expect(cost.requests == 1 && cost.halfReadUnits == 0)
    #expect(cost.itemsWritten == 1 + record.topics.count)
  }

  private func rows() throws -> [String] {
    try [
      row("`$connect`, no user, no subscription") { connections, world in
        _ = try connections.connect(world.record(user: nil))
      },
      row("`$connect` of a user") { connections, world in _ = try connections.connect(world.record()) },
      row("`$connect` of a user with three subscriptions") { connections, world in
        _ = try connections.connect(world.record(["signal", "risk", "system"]))
      },
      row("and the count of that user's connections") { connections, world in
        _ = try connections.connections(of: "u-1")
      },
      row("`subscribe` to one type") { connections, world in
        _ = try connections.change(world.id) { _ in world.change(add: ["decision"], count: 1) }
      },
      row("`subscribe` to ten keys of a type") { connections, world in
        _ = try connections.change(world.id) { _ in
          world.change(add: ["price:update"], keys: (1...10).map { "K\($0)" }, count: 1)
        }
      },
      row("`unsubscribe` from one type") { connections, world in
        _ = try connections.change(world.id) { _ in world.change(remove: ["signal"], count: 1) }
      },
      row("`hello` without subscriptions, `status`") { connections, world in _ = try connections.connection(world.id) },
      row("`ping`, `pong`") { _, _ in },
      row("`$disconnect`, or a connection found gone, with three subscriptions") { connections, world in
        try connections.disconnect(world.id)
      },
      row("publish of an event with a key, nobody listening") { connections, _ in
        try Self.publish(key: "NOBODY", to: connections)
      },
      row("publish of an event to one user") { connections, _ in try Self.publish(user: "u-1", to: connections) },
      row("publish of an event without a key to 1,000 listeners") { connections, world in
        try Self.publish(key: nil, to: connections)
      },
    ]
  }

  /// Measures an operation of a user `u-1` who is connected with three subscriptions, unless the operation connects.
  private func row(_ name: String, _ operation: (Connections, World) throws -> Void) throws -> String {
    let world = World()
    let table = MeteredTable(world.table)
    let connections = world.connections(over: table, shards: Self.shards)
    if !name.hasPrefix("`$connect`") {
      _ = try connections.connect(world.record(["signal", "risk", "system"]))
    }
    if name.hasSuffix("1,000 listeners") { try listen(connections, world, count: 1000) }
    let cost = try table.cost { try operation(connections, world) }
    let reads = Double(cost.halfReadUnits) / 2
    let shown = reads == reads.rounded() ? "\(Int(reads))" : "\(reads)"
    return "| \(name) | \(cost.requests) | \(cost.itemsWritten) | \(cost.writeUnits) | \(shown) |"
  }

  private func listen(_ connections: Connections, _ world: World, count: Int) throws {
    for number in 0..<count {
      let id = try #require(ConnectionID("C\(1_000_000 + number)AbCdEf="))
      _ = try connections.connect(world.record(["price:update"], id: id, user: "u-\(number)"))
    }
  }

  private static func publish(key: String? = nil, user: String? = nil, to connections: Connections) throws {
    let audience = user.map(Audience.user) ?? .everyone
    let event = Event(type: "price:update", key: key, audience: audience, data: [], id: "1-a", timestamp: "")
    for run in EventRun.runs(of: [event]) {
      var listeners = connections.listeners(of: run)
      while try !listeners.next().isEmpty {}
    }
  }

  private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}
