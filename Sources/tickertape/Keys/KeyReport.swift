import Access
import JSON
import Messaging
import Telemetry

/// What `keys` prints.
struct KeyReport {
  let terminal: Terminal
  let asJSON: Bool

  /// The key on a line of its own, so that a script can take it; what a person has to know goes beside it.
  func created(_ key: APIKey, stored: StoredKey) throws(CommandFailure) {
    if asJSON { return try terminal.json(Self.json { Self.write(stored, key: key.text, to: &$0) }) }
    try terminal.line("\(key.text)")
    terminal.note("This key is shown once; the table holds only its hash. \(Self.sentence(stored))")
    terminal.note("Clients give it as ?apiKey=KEY or as the header x-api-key.")
  }

  func list(_ keys: [StoredKey]) throws(CommandFailure) {
    if asJSON {
      return try terminal.json(Self.json { $0.array { writer in for key in keys { Self.write(key, to: &writer) } } })
    }
    if keys.isEmpty { return terminal.note("There are no keys. 'tickertape keys create --user USER' makes one.") }
    for key in keys { try terminal.line("\(Self.shortID(key))  \(Self.details(key))") }
  }

  func revoked(_ key: StoredKey, connections: Int) throws(CommandFailure) {
    if asJSON { return try terminal.json(Self.json { Self.write(key, connectionsEnded: connections, to: &$0) }) }
    try terminal.line("revoked \(Self.shortID(key))  \(Self.details(key))")
    if connections > 0 {
      terminal.note("\(connections) connection\(connections == 1 ? "" : "s") that it had opened get nothing more.")
    }
  }

  func changes(_ changes: [KeyChange]) throws(CommandFailure) {
    for change in changes {
      let at = Timestamp.rfc3339(milliseconds: change.atMilliseconds)
      if asJSON {
        try terminal.json(
          Self.json { writer in
            writer.object { writer in
              writer.member("timestamp", at)
              writer.member("action", change.action)
              writer.member("id", change.hash)
              writer.member("user", ifPresent: change.user)
              writer.member("role", ifPresent: change.role)
            }
          })
      } else {
        let who = "user \(change.user ?? "none"), role \(change.role ?? "none")"
        try terminal.line("\(at)  \(change.action)  \(change.hash.prefix(16))  \(who)")
      }
    }
  }

  // MARK: Texts

  private static func shortID(_ key: StoredKey) -> String { String(key.hash.prefix(16)) }

  private static func sentence(_ key: StoredKey) -> String { "Its id is \(shortID(key)): \(details(key))." }

  private static func details(_ key: StoredKey) -> String {
    let principal = key.grant.principal
    var parts = ["user \(principal.user ?? "none")", "role \(principal.role?.rawValue ?? "none")"]
    if !principal.groups.isEmpty { parts.append("groups \(principal.groups.joined(separator: ","))") }
    parts.append("created \(day(key.createdMilliseconds))")
    parts.append(key.grant.expires.map { "expires \(Timestamp.rfc3339(milliseconds: $0 * 1000))" } ?? "never expires")
    if !key.grant.label.isEmpty { parts.append("(\(key.grant.label))") }
    return parts.joined(separator: ", ")
  }

  private static func day(_ milliseconds: Int64) -> String {
    String(Timestamp.rfc3339(milliseconds: milliseconds).prefix(10))
  }

  // MARK: JSON

  private static func json(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    body(&writer)
    return writer.bytes
  }

  private static func write(
    _ stored: StoredKey, key: String? = nil, connectionsEnded: Int? = nil, to writer: inout JSONWriter
  ) {
    let grant = stored.grant
    writer.object { writer in
      writer.member("key", ifPresent: key)
      writer.member("id", stored.hash)
      writer.member("user", ifPresent: grant.principal.user)
      writer.member("role", ifPresent: grant.principal.role?.rawValue)
      writer.key("groups")
      writer.array { writer in for group in grant.principal.groups { writer.string(group) } }
      writer.member("label", grant.label)
      writer.member("created", Timestamp.rfc3339(milliseconds: stored.createdMilliseconds))
      writer.member("expires", ifPresent: grant.expires.map { Timestamp.rfc3339(milliseconds: $0 * 1000) })
      if let connectionsEnded {
        writer.member("revoked", true)
        writer.member("connections", connectionsEnded)
      }
    }
  }
}
