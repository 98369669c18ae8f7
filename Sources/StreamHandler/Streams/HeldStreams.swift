import Access
import ConnectionStore
import Connections
import ManagementAPI
import Messaging
import Telemetry

/// The rows of the streams that this environment holds, and the tickets that they were opened with: looked at together, every five
/// seconds, so that who had to go for another one is found out.
struct HeldStreams<Calls: ConnectionCalls> {
  let connections: Connections
  let tickets: Tickets
  var limit: UserLimit<Calls>
  let clock: Clock
  let log: Log
  private var records: [EventStreamRecord] = []
  /// By the name of its stream.
  private var grants: [String: TicketGrant] = [:]
  private var ended: [String: StreamEnd] = [:]
  private var nextCheckAt: Int64 = 0
  /// Streams of nobody in particular have no row.
  private(set) var anonymous = 0

  init(connections: Connections, tickets: Tickets, limit: UserLimit<Calls>, clock: Clock, log: Log) {
    self.connections = connections
    self.tickets = tickets
    self.limit = limit
    self.clock = clock
    self.log = log
  }

  var streams: EventStreams { connections.eventStreams() }

  /// Counts a stream of a user among the user's connections; the oldest goes if there are too many. Answers its record, which
  /// has a name of its own; refuses it if it is one of those that had to go.
  mutating func register(
    _ record: EventStreamRecord, requestID: String, log: Log
  ) throws -> EventStreamRecord {
    let registered = try streams.register(record)
    guard let none = ConnectionID("none") else { return registered }
    let caller = UserLimit<Calls>.Caller(
      destination: Destination(connectionID: none, domainName: "", stage: ""), requestID: requestID, log: log,
      audit: log.with(["event": "audit"]))
    if let message = try limit.refusal(of: registered, caller: caller) { throw StreamRefusal(429, message) }
    return registered
  }

  mutating func hold(_ record: EventStreamRecord?, clientID: String, grant: TicketGrant?) {
    if let record { records.append(record) } else { anonymous += 1 }
    if let grant { grants[clientID] = grant }
  }

  /// Asks the table every five seconds. If it cannot be asked, all stay, and it is asked again.
  mutating func check() {
    let now = clock.monotonicMilliseconds()
    guard now >= nextCheckAt, !records.isEmpty || !grants.isEmpty else { return }
    nextCheckAt = now + EventStreams.checkMilliseconds
    do throws(TableError) {
      for record in try streams.check(&records) {
        ended[record.clientID] = record.endReason == .expired ? .expired : .limit
      }
      let lost = Set(try tickets.lost(Array(grants.values)).map(\.holder))
      for (clientID, grant) in grants where lost.contains(grant.holder) { ended[clientID] = .taken }
    } catch {
      log.warn("streams not looked at", ["reason": .text(error.description)])
    }
  }

  /// Why a stream has to end; nil: it goes on.
  mutating func takeEnd(of clientID: String) -> StreamEnd? {
    ended.isEmpty ? nil : ended.removeValue(forKey: clientID)
  }

  /// It is over. A row that cannot be deleted counts no longer than half a minute.
  mutating func remove(_ record: EventStreamRecord?, clientID: String, log: Log) {
    grants[clientID] = nil
    ended[clientID] = nil
    guard let record else { return anonymous -= 1 }
    records.removeAll { $0.clientID.hasSameBytes(as: clientID) }
    release(record, log: log)
  }

  /// Also of one that was registered and never held.
  func release(_ record: EventStreamRecord, log: Log) {
    do throws(TableError) {
      try streams.remove(record)
      if let user = record.user { try connections.recordLeft(user) }
    } catch {
      log.warn("row of a stream not deleted", ["reason": .text(error.description)])
    }
  }
}

/// `@connections`, for the WebSockets of a user that has too many connections.
struct SocketCalls: ConnectionCalls {
  var client: ConnectionsClient

  mutating func probe(_ ids: [ConnectionID], besides destination: Destination) -> Set<ConnectionID> {
    client.probe(ids, besides: destination)
  }

  mutating func close(_ destination: Destination, telling frame: [UInt8]) throws -> PostOutcome {
    try client.close(destination, telling: frame)
  }
}
