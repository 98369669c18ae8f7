import ConnectionStore
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Access

@Suite("Who may read over HTTP")
struct StreamAccessTests {
  private let clock = SettableClock()
  private let table = MemoryTable(clock: SettableClock().clock)
  private let viewer = Principal(user: "u-1", role: .viewer)

  private var tickets: Tickets { Tickets(table: table, clock: clock.clock) }
  private var keys: APIKeys { APIKeys(table: table, clock: clock.clock) }

  private func access(_ environment: [String: String] = [:]) throws -> StreamAccess {
    let settings = try AccessSettings(environment: Environment(environment))
    return StreamAccess(
      control: AccessControl(settings: settings, keys: keys, clock: clock.clock, log: Log(minimum: .fatal)),
      tickets: tickets)
  }

  private func decide(
    query: [(String, String)] = [], headers: [(String, String)] = [],
    requested: RequestedIdentity = RequestedIdentity(), lastEventID: String? = nil, isPublic: Bool = false,
    _ environment: [String: String] = [:]
  ) throws -> StreamAccess.Decision {
    var access = try access(environment)
    return try access.decide(
      PresentedCredentials(query: query.map { (name: $0, value: $1) }, headers: headers.map { (name: $0, value: $1) }),
      requested: requested, lastEventID: lastEventID, isPublic: isPublic)
  }

  private func status(_ decision: StreamAccess.Decision) -> Int {
    switch decision {
    case .admitted: 200
    case .refused(let refusal, _): refusal.status
    }
  }

  private func principal(_ decision: StreamAccess.Decision) -> Principal? {
    if case .admitted(let identity, _) = decision { identity.principal } else { nil }
  }

  private func key(_ principal: Principal? = nil) throws -> String {
    try keys.create(KeyGrant(principal: principal ?? viewer)).key.text
  }

  private func ticket() throws -> String { try tickets.issue(Identity(principal: viewer)).ticket.text }

  @Test("a key comes in by query, field, bearer and cookie, as at a WebSocket's handshake")
  func places() throws {
    let key = try key()
    for decision in try [
      decide(query: [("apiKey", key)]), decide(headers: [("X-Api-Key", key)]),
      decide(headers: [("Authorization", "Bearer \(key)")]), decide(headers: [("cookie", "a=b; session=\(key)")]),
    ] {
      #expect(principal(decision) == viewer)
    }
    #expect(try status(decide()) == 401)
    #expect(try status(decide(query: [("apiKey", key)], requested: RequestedIdentity(user: "u-2"))) == 403)
  }

  @Test("a ticket opens a stream as whom it was made for, once, and comes back by its stamped id")
  func ticketOpens() throws {
    let ticket = try ticket()
    guard case .admitted(let identity, let grant?) = try decide(query: [("ticket", ticket)]) else {
      Issue.record("refused")
      return
    }
    #expect(identity.principal == viewer)
    #expect(try status(decide(query: [("ticket", ticket)])) == 401)
    let stamped = grant.stamp.stamped("1-a.AQ")
    #expect(try principal(decide(query: [("ticket", ticket)], lastEventID: stamped)) == viewer)
    guard case .refused(_, let isFinal) = try decide(query: [("ticket", ticket)], lastEventID: "1-a.AQ") else {
      Issue.record("admitted")
      return
    }
    #expect(isFinal)
  }

  @Test("a ticket speaks alone: cookies beside it do not count, any other credential or a second ticket refuses it")
  func alone() throws {
    let other = try key(Principal(user: "u-2", role: .admin))
    let cookie = ("Cookie", "session=\(other)")
    #expect(try principal(decide(query: [("ticket", ticket())], headers: [cookie])) == viewer)
    #expect(try status(decide(query: [("ticket", ticket())], headers: [("x-api-key", other)])) == 401)
    #expect(try status(decide(query: [("ticket", ticket()), ("apiKey", key())])) == 401)
    #expect(try status(decide(query: [("ticket", ticket()), ("ticket", ticket())])) == 401)
    #expect(try status(decide(query: [("Ticket", ticket())])) == 401)
    let requested = RequestedIdentity(user: "u-2")
    #expect(try status(decide(query: [("ticket", ticket())], requested: requested)) == 403)
    let own = RequestedIdentity(user: "u-1", role: "viewer")
    #expect(try principal(decide(query: [("ticket", ticket())], requested: own)) == viewer)
  }

  @Test("a ticket that is wrong is not made good by being public or by ACCESS=open")
  func wrongTickets() throws {
    let wrong = "tk_" + String(repeating: "A", count: 43)
    #expect(try status(decide(query: [("ticket", wrong)], isPublic: true)) == 401)
    #expect(try status(decide(query: [("ticket", wrong)], ["ACCESS": "open"])) == 401)
    #expect(try principal(decide(query: [("ticket", ticket())], ["ACCESS": "open"])) == viewer)
  }

  @Test("a ticket gets no ticket, and opens no WebSocket")
  func noChain() throws {
    var control = try access().control
    let presented = PresentedCredentials(query: [(name: "ticket", value: try ticket())])
    #expect(
      try control.decide(presented, requested: RequestedIdentity()) == .refused(.unproven("no credential")))
    let asToken = PresentedCredentials(
      query: [(name: "token", value: try ticket()), (name: "apiKey", value: try ticket())])
    guard case .refused = try control.decide(asToken, requested: RequestedIdentity()) else {
      Issue.record("admitted")
      return
    }
  }

  @Test("what is public is read by who brings nothing, and by who brings an old cookie, as nobody in particular")
  func publicRoutes() throws {
    let nobody = Principal(user: nil, role: .viewer)
    #expect(try principal(decide(isPublic: true)) == nobody)
    let old = [("Cookie", "session=tt_\(String(repeating: "A", count: 43)); theme=dark"), ("Host", "live.example.com")]
    #expect(try principal(decide(headers: old, isPublic: true)) == nobody)
    #expect(try status(decide(headers: old)) == 401)
    let foreign = [("Cookie", "session=\(try key())"), ("Host", "a.example"), ("Origin", "https://evil.example")]
    #expect(try principal(decide(headers: foreign, isPublic: true)) == nobody)
    #expect(try status(decide(headers: foreign)) == 403)
    #expect(try principal(decide(headers: [("Cookie", "session=\(key())")], isPublic: true)) == viewer)
    #expect(try status(decide(headers: [("x-api-key", "tt_wrong")], isPublic: true)) == 401)
    #expect(try status(decide(requested: RequestedIdentity(user: "u-9"), isPublic: true)) == 401)
    #expect(try principal(decide(isPublic: true, ["ANONYMOUS_ROLE": "analyst"]))?.role == .analyst)
  }

  @Test("a page of another site that names no origin does not use the cookie either")
  func fetchMetadata() throws {
    let cookie = ("Cookie", "session=\(try key())")
    for site in ["cross-site", "same-site", "junk"] {
      #expect(try status(decide(headers: [cookie, ("Sec-Fetch-Site", site)])) == 403)
    }
    for site in ["same-origin", "none"] {
      #expect(try status(decide(headers: [cookie, ("sec-fetch-site", site)])) == 200)
    }
    let own = [cookie, ("Host", "a.example"), ("Origin", "https://a.example"), ("Sec-Fetch-Site", "same-origin")]
    #expect(try status(decide(headers: own)) == 200)
    // A page whose origin is allowed is another site, and says which.
    let allowed = [cookie, ("Origin", "https://app.example.com"), ("Sec-Fetch-Site", "cross-site")]
    #expect(try status(decide(headers: allowed, ["ACCESS_ORIGINS": "https://app.example.com"])) == 200)
    #expect(try status(decide(headers: [("x-api-key", key()), ("Sec-Fetch-Site", "cross-site")])) == 200)
  }

  @Test("16 KB of cookies are no session, and no ticket in one opens anything")
  func hugeCookies() throws {
    let key = try key()
    let huge = "session=\(key); " + String(repeating: "a", count: 16 << 10)
    #expect(try status(decide(headers: [("Cookie", huge)])) == 401)
    #expect(try status(decide(headers: [("Cookie", "ticket=\(ticket())")])) == 401)
  }
}
