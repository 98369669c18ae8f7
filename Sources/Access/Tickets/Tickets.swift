package import ConnectionStore
import Messaging
package import Telemetry

/// The tickets of a table: what a page gets for its credential, to put into the URL of an `EventSource`.
///
///     let issued = try tickets.issue(identity)                       // POST /ticket, by who brought a key, a token or a cookie
///     switch try tickets.open(text, lastEventID: id) {               // GET …?ticket=tk_…
///     case .opened(let grant): grant.identity, grant.stamp.stamped(id)
///     case .refused(let refusal): refusal.accessRefusal
///     }
///     let lost = try tickets.lost(grants)                            // each five seconds: whose stream another one has taken over
///
/// A ticket opens once, within 30 seconds. Then it opens again only for who brings an id that was stamped under it; the
/// newest stream has it, and the one before sees within five seconds that it has lost it: the runtime never learns that a
/// client has left, so a stream that nobody reads any more cannot keep its reader out. After fifteen minutes, or when the
/// credential ends that it was made for, it opens nothing, however often it was used.
package struct Tickets {
  private let table: any Table
  private let clock: Clock
  private let randomness: Randomness
  private let keys: APIKeys

  package static let openWithinSeconds: Int64 = 30
  package static let longestSeconds: Int64 = 15 * 60
  private static let secretBytes = 16

  package init(table: any Table, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.clock = clock
    self.randomness = randomness
    keys = APIKeys(table: table, clock: clock)
  }

  /// Makes one: one write. A ticket must not be had for a ticket, or one would last for ever: whoever asks for one has been let in
  /// by `AccessControl`, which takes none.
  package func issue(_ identity: Identity) throws(TableError) -> IssuedTicket {
    let now = clock.milliseconds()
    let ticket = Ticket(randomness)
    let until = min(now + Self.longestSeconds * 1_000, identity.untilMilliseconds ?? .max)
    let stored = StoredTicket(
      identity: identity, secret: randomness.bytes(Self.secretBytes),
      openByMilliseconds: min(now + Self.openWithinSeconds * 1_000, until), untilMilliseconds: until)
    // Nobody else draws the same 256 bits: one that stands is this one, of an attempt whose answer was lost.
    try table.put(TicketRow.item(stored, hash: ticket.hash), if: .always)
    return IssuedTicket(
      ticket: ticket, openWithinSeconds: Self.openWithinSeconds, untilMilliseconds: until)
  }

  /// Opens a stream with a ticket: one read, a read for each key that it was made for, and one write. Of two that come at once
  /// exactly one has it.
  ///
  /// `lastEventID`: what the client brings as `Last-Event-ID`, as it stands. Before the first opening it proves nothing and
  /// may be anything.
  package func open(_ text: String, lastEventID: String?) throws(TableError) -> TicketOutcome {
    guard let ticket = Ticket(text) else { return .refused(.unknown) }
    let key = TicketRow.key(hash: ticket.hash)
    guard let stored = try table.get(key, consistency: .strong).flatMap(StoredTicket.init) else {
      return .refused(.unknown)
    }
    let stamp = TicketStamp(secret: stored.secret)
    if let refusal = refusal(of: stored, stamp: stamp, lastEventID: lastEventID) { return .refused(refusal) }
    for hash in stored.identity.keyHashes where try keys.find(hash: hash) == nil { return .refused(.revoked) }
    let holder = randomness.hexadecimal()
    guard try take(key, from: stored, holder: holder) else { return .refused(.raced) }
    return .opened(TicketGrant(identity: stored.identity, stamp: stamp, key: key, holder: holder))
  }

  private func refusal(of stored: StoredTicket, stamp: TicketStamp, lastEventID: String?) -> TicketRefusal? {
    let now = clock.milliseconds()
    guard now < stored.untilMilliseconds else { return .ended }
    guard stored.holder != nil else { return now < stored.openByMilliseconds ? nil : .late }
    guard let lastEventID else { return .used }
    return stamp.isStamped(lastEventID) ? nil : .foreignID
  }

  /// False: another stream has taken it since it was read.
  private func take(_ key: ItemKey, from stored: StoredTicket, holder: String) throws(TableError) -> Bool {
    do throws(TableError) {
      let change = TicketRow.taken(by: holder, untilMilliseconds: stored.untilMilliseconds)
      try table.update(key, change: change, if: TicketRow.isTaken(by: stored.holder))
      return true
    } catch {
      guard case .conditionFailed = error.code else { throw error }
      // It holds the ticket itself if the answer of a first attempt was lost.
      let current = try table.get(key, consistency: .strong).flatMap(StoredTicket.init)
      return current?.holder?.hasSameBytes(as: holder) ?? false
    }
  }

  /// Those whose ticket another stream has taken over, or whose ticket is gone: their streams have to end. One request for a
  /// hundred.
  package func lost(_ grants: [TicketGrant]) throws(TableError) -> [TicketGrant] {
    guard !grants.isEmpty else { return [] }
    // A stream and the one that has taken its ticket over may be sent by one environment: a key may be asked for once only.
    let keys = Array(Set(grants.map(\.key)))
    var holders: [ItemKey: String] = [:]
    for (key, item) in zip(keys, try table.get(keys)) { holders[key] = item.flatMap(StoredTicket.init)?.holder }
    return grants.filter { !(holders[$0.key]?.hasSameBytes(as: $0.holder) ?? false) }
  }
}

/// A stream that a ticket has opened.
package struct TicketGrant: Sendable {
  /// Whom it speaks for, and until when: the ticket's own end.
  package let identity: Identity
  /// Every id that is sent under it bears this.
  package let stamp: TicketStamp
  let key: ItemKey
  /// The word by which the table knows this stream from the one before.
  package let holder: String
}

package enum TicketOutcome: Sendable {
  case opened(TicketGrant)
  case refused(TicketRefusal)
}

/// Why a ticket opens nothing, for the operator's log; its holder is told the same of all of them.
package enum TicketRefusal: Equatable, Sendable {
  case unknown
  /// It was to be used within 30 seconds.
  case late
  /// It has opened a stream, and no id came with it.
  case used
  /// And the id that came is not of that stream.
  case foreignID
  case ended
  /// A key that it was made for is none any more.
  case revoked
  /// Another request with it came at the same moment.
  case raced

  /// Whether no later attempt can be better: a client that has read the stream is told that it is over.
  package var isFinal: Bool { self != .raced }

  package var accessRefusal: AccessRefusal { .unproven("ticket: \(known: reason)") }

  private var reason: String {
    switch self {
    case .unknown: "no such ticket"
    case .late: "not used within \(Tickets.openWithinSeconds) s"
    case .used: "used before, and no id came with it"
    case .foreignID: "used before, and the id is not of its stream"
    case .ended: "its time is over"
    case .revoked: "its key was revoked"
    case .raced: "another request took it at the same moment"
    }
  }
}
