import Access
import ConnectionStore
import Connections
import EventLog
import Telemetry

/// The keys of the table that is meant.
struct KeyRing {
  private let keys: APIKeys
  private let connections: Connections
  private let chosen: ChosenTable

  /// So many characters of an id name one key among millions.
  private static let shortestID = 8

  /// `store` as the command line names it; nil: as the environment does, else where `serve` keeps it.
  init(_ store: String?, mayCreate: Bool, in context: CommandContext) throws(CommandFailure) {
    chosen = try ChosenTable(store, mayCreate: mayCreate, in: context)
    keys = APIKeys(table: chosen.table, clock: context.clock, randomness: context.randomness)
    connections = Connections(table: chosen.table, clock: context.clock, randomness: context.randomness)
  }

  func create(_ grant: KeyGrant) throws(CommandFailure) -> (key: APIKey, stored: StoredKey) {
    do { return try keys.create(grant) } catch { throw chosen.failure(error) }
  }

  func list() throws(CommandFailure) -> [StoredKey] {
    do { return try keys.list() } catch { throw chosen.failure(error) }
  }

  func changes() throws(CommandFailure) -> [KeyChange] {
    do { return try keys.changes() } catch { throw chosen.failure(error) }
  }

  /// What a key's hash begins with, of its id, the beginning of one, or the key itself.
  static func hashPrefix(_ name: String) throws(CommandFailure) -> String {
    let prefix = APIKey(name)?.hash ?? name
    guard prefix.utf8.count >= shortestID, prefix.utf8.allSatisfy(isDigit) else {
      throw CommandFailure(
        code: .usage,
        message: "that is no id of a key: \(shortestID) characters at least of what 'tickertape keys list' shows")
    }
    return prefix
  }

  /// The key, and how many connections that it had opened end with it.
  func revoke(hashPrefix prefix: String) throws(CommandFailure) -> (key: StoredKey, connections: Int) {
    do {
      let found = try keys.list(hashPrefix: prefix)
      guard let only = found.first else { throw NoKey.none }
      guard found.count == 1 else { throw NoKey.several }
      // Before, so that this can be said again if it fails; and after, for the connections that came in between.
      let before = try endConnections(openedBy: only.hash)
      try keys.revoke(only.hash)
      return (only, before + (try endConnections(openedBy: only.hash)))
    } catch let error as TableError {
      throw chosen.failure(error)
    } catch NoKey.several {
      throw CommandFailure(code: .usage, message: "several keys begin with \(prefix); give more of the id")
    } catch {
      throw CommandFailure(
        code: .failure, message: "\(chosen.location) has no such key",
        advice: ["'tickertape keys list' shows those it has"])
    }
  }

  /// WebSockets and event streams; of the latter all the shards that there may be.
  private func endConnections(openedBy hash: String) throws(TableError) -> Int {
    try connections.end(openedBy: hash) + connections.eventStreams(shards: Shard.maximum).end(openedBy: hash)
  }

  private enum NoKey: Error {
    case none
    case several
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
  }
}
