import ConnectionStore
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Access

@Suite("Tickets")
struct TicketTests {
  private let clock = SettableClock()
  private let id = "1800000000000-9f2c01.AQEC"

  private var identity: Identity {
    Identity(principal: Principal(user: "u-1", role: .viewer, groups: ["desk,7", "é"]), scopes: ["read"])
  }

  private func tickets(_ table: any Table) -> Tickets { Tickets(table: table, clock: clock.clock) }

  private func memory() -> MemoryTable { MemoryTable(clock: clock.clock) }

  private func opened(_ outcome: TicketOutcome) -> TicketGrant? {
    if case .opened(let grant) = outcome { grant } else { nil }
  }

  private func refusal(_ outcome: TicketOutcome) -> TicketRefusal? {
    if case .refused(let refusal) = outcome { refusal } else { nil }
  }

  @Test("a ticket opens a stream once, as whom it was made for, and its answer says how long it is good for")
  func once() throws {
    let tickets = tickets(memory())
    let issued = try tickets.issue(identity)
    #expect(issued.ticket.text.hasPrefix("tk_") && issued.ticket.text.utf8.count == 46)
    #expect(
      text(issued.encoded())
        == #"{"ticket":"\#(issued.ticket.text)","expiresIn":30,"until":"2027-01-15T08:15:00.000Z"}"#)
    let grant = try #require(opened(try tickets.open(issued.ticket.text, lastEventID: nil)))
    #expect(grant.identity.principal == identity.principal && grant.identity.scopes == ["read"])
    #expect(grant.identity.untilMilliseconds == (clock.seconds + 900) * 1_000)
    #expect(refusal(try tickets.open(issued.ticket.text, lastEventID: nil)) == .used)
    #expect(refusal(try tickets.open(issued.ticket.text, lastEventID: id)) == .foreignID)
  }

  @Test("it is late after 30 seconds, to the millisecond, also where the row still stands")
  func late() throws {
    let tickets = tickets(memory())
    let (first, second) = (try tickets.issue(identity), try tickets.issue(identity))
    clock.advance(milliseconds: 29_999)
    #expect(opened(try tickets.open(first.ticket.text, lastEventID: nil)) != nil)
    clock.advance(milliseconds: 1)
    #expect(refusal(try tickets.open(second.ticket.text, lastEventID: nil)) == .late)
    clock.advance(seconds: 60)
    #expect(refusal(try tickets.open(second.ticket.text, lastEventID: nil)) == .unknown)
  }

  @Test("who brings an id that was sent under it comes back as often as it likes, until fifteen minutes are over")
  func comesBack() throws {
    let tickets = tickets(memory())
    let issued = try tickets.issue(identity)
    var grant = try #require(opened(try tickets.open(issued.ticket.text, lastEventID: nil)))
    let first = grant.stamp.stamped(id)
    for minute in 1...14 {
      clock.advance(seconds: 60)
      let stamped = minute.isMultiple(of: 2) ? first : grant.stamp.stamped("18000000\(minute)-1.AQ")
      let next = try #require(opened(try tickets.open(issued.ticket.text, lastEventID: stamped)), "minute \(minute)")
      #expect(next.identity.principal == identity.principal)
      #expect(try tickets.lost([grant, next]).map(\.holder) == [grant.holder])
      grant = next
    }
    clock.advance(milliseconds: 59_999)
    #expect(opened(try tickets.open(issued.ticket.text, lastEventID: first)) != nil)
    clock.advance(milliseconds: 1)
    #expect(refusal(try tickets.open(issued.ticket.text, lastEventID: first)) == .ended)
    #expect(TicketRefusal.ended.isFinal)
    clock.advance(seconds: 60)
    #expect(refusal(try tickets.open(issued.ticket.text, lastEventID: first)) == .unknown)
    #expect(try tickets.lost([grant]).count == 1)
  }

  @Test("it ends with the credential that it was made for, when that comes before")
  func endsWithCredential() throws {
    let tickets = tickets(memory())
    var identity = identity
    identity.untilMilliseconds = clock.seconds * 1_000 + 10_000
    let (first, second) = (try tickets.issue(identity), try tickets.issue(identity))
    let grant = try #require(opened(try tickets.open(first.ticket.text, lastEventID: nil)))
    #expect(grant.identity.untilMilliseconds == identity.untilMilliseconds)
    clock.advance(seconds: 10)
    #expect(refusal(try tickets.open(first.ticket.text, lastEventID: grant.stamp.stamped(id))) == .ended)
    #expect(refusal(try tickets.open(second.ticket.text, lastEventID: nil)) == .ended)
  }

  @Test("a ticket that was made for a key opens nothing once the key is revoked")
  func revoked() throws {
    let table = memory()
    let keys = APIKeys(table: table, clock: clock.clock)
    let stored = try keys.create(KeyGrant(principal: identity.principal)).stored
    var identity = identity
    identity.keyHashes = [stored.hash]
    let issued = try tickets(table).issue(identity)
    let grant = try #require(opened(try tickets(table).open(issued.ticket.text, lastEventID: nil)))
    #expect(grant.identity.keyHashes == [stored.hash])
    try keys.revoke(stored.hash)
    let stamped = grant.stamp.stamped(id)
    #expect(refusal(try tickets(table).open(issued.ticket.text, lastEventID: stamped)) == .revoked)
  }

  @Test("ids of another ticket, ids that were changed anywhere, cut short or made longer open nothing")
  func foreignIDs() throws {
    let tickets = tickets(memory())
    let (mine, theirs) = (try tickets.issue(identity), try tickets.issue(identity))
    let grant = try #require(opened(try tickets.open(mine.ticket.text, lastEventID: nil)))
    let other = try #require(opened(try tickets.open(theirs.ticket.text, lastEventID: nil)))
    let stamped = grant.stamp.stamped(id)
    #expect(stamped.utf8.count == id.utf8.count + TicketStamp.addedBytes && TicketStamp.addedBytes == 17)
    #expect(TicketStamp.unstamped(stamped) == id && TicketStamp.unstamped(id) == id)
    var wrong = [other.stamp.stamped(id), id, "", ".", String(repeating: "x", count: 5_000), stamped + "."]
    wrong.append("\(stamped).\(stamped)")
    let good = Array(stamped.utf8)
    for index in good.indices {
      var bytes = good
      bytes[index] ^= 1
      wrong.append(String(decoding: bytes, as: UTF8.self))
      wrong.append(String(decoding: good[..<index], as: UTF8.self))
    }
    for text in wrong {
      #expect(refusal(try tickets.open(mine.ticket.text, lastEventID: text)) == .foreignID, "\(text)")
    }
    #expect(try tickets.lost([grant, other]).isEmpty, "who is refused takes nothing over")
    #expect(opened(try tickets.open(mine.ticket.text, lastEventID: stamped)) != nil)
  }

  @Test(
    "texts that no ticket can have cost no read",
    arguments: [
      "", "tk_", "tk_abc", "tk_" + String(repeating: "A", count: 42), "tk_" + String(repeating: "A", count: 42) + "B",
      "tt_" + String(repeating: "A", count: 43), "TK_" + String(repeating: "A", count: 43), "tk_\u{0}",
    ])
  func impossible(text: String) throws {
    let table = FailingTable(memory(), failing: 1)
    #expect(refusal(try tickets(table).open(text, lastEventID: nil)) == .unknown)
    #expect(table.calls == 0)
  }

  @Test("no row holds a ticket, no description shows one, and a refusal says nothing of it")
  func onlyHashes() throws {
    let table = memory()
    let issued = try tickets(table).issue(identity)
    let item = try table.get(TicketRow.key(hash: issued.ticket.hash), consistency: .strong)
    let secret = issued.ticket.text.dropFirst(3)
    for shown in ["\(try #require(item))", "\(issued.ticket)", String(reflecting: issued), "\(issued)"] {
      #expect(!shown.contains(secret), "\(shown)")
    }
    let reasons = [TicketRefusal.unknown, .late, .used, .foreignID, .ended, .revoked, .raced].map(\.accessRefusal)
    #expect(Set(reasons.map(\.message)).count == 1 && reasons.allSatisfy { $0.status == 401 })
  }

  // MARK: What goes wrong

  @Test("of two openings at once exactly one has the ticket, wherever the other comes between")
  func races() throws {
    for isFirst in [true, false] {
      for place in 1...3 {
        let table = memory()
        let issued = try tickets(table).issue(identity)
        var lastEventID: String?
        if !isFirst {
          lastEventID = opened(try tickets(table).open(issued.ticket.text, lastEventID: nil))?.stamp.stamped(id)
        }
        var grants: [TicketGrant?] = []
        let interrupted = InterruptedTable(table, before: place) {
          grants.append(opened(try tickets(table).open(issued.ticket.text, lastEventID: lastEventID)))
        }
        let outcome = try tickets(interrupted).open(issued.ticket.text, lastEventID: lastEventID)
        grants.append(opened(outcome))
        try interrupted.finish()
        if isFirst, !interrupted.isInterrupted { continue }
        let holding = grants.compactMap { $0 }
        let living = holding.count - (try tickets(table).lost(holding).count)
        #expect(living == 1, "\(isFirst) \(place)")
        // Between its reading and its writing.
        if place == 2 { #expect(refusal(outcome) == .raced && holding.count == 1) }
        if isFirst { #expect(holding.count == 1, "\(place)") }
      }
    }
  }

  @Test("whichever call fails, a ticket opens one stream at most, and who was told that it opened has it")
  func failures() throws {
    var text = ""
    var grant: TicketGrant?
    let calls = try failEachCall {
      let table = memory()
      text = try tickets(table).issue(identity).ticket.text
      grant = nil
      return table
    } _: { table in
      grant = opened(try tickets(table).open(text, lastEventID: nil))
    } check: { table, error, run in
      let again = opened(try tickets(table).open(text, lastEventID: nil))
      #expect(grant == nil || again == nil, "\(run)")
      #expect(error != nil || grant != nil, "\(run)")
      if let grant { #expect(try tickets(table).lost([grant]).isEmpty, "\(run)") }
    }
    #expect(calls == 2)
  }

  @Test("whichever call fails while a stream takes a ticket over, one stream has it at most, and the id is good again")
  func failedTakeOver() throws {
    var text = ""
    var grants: [TicketGrant] = []
    let calls = try failEachCall {
      let table = memory()
      text = try tickets(table).issue(identity).ticket.text
      grants = [try #require(opened(try tickets(table).open(text, lastEventID: nil)))]
      return table
    } _: { table in
      if let grant = opened(try tickets(table).open(text, lastEventID: grants[0].stamp.stamped(id))) {
        grants.append(grant)
      }
    } check: { table, error, run in
      let lost = try tickets(table).lost(grants).count
      #expect(grants.count - lost <= 1, "\(run)")
      #expect(error != nil || grants.count == 2, "\(run)")
      let again = opened(try tickets(table).open(text, lastEventID: grants[0].stamp.stamped(id)))
      #expect(again != nil, "\(run)")
    }
    #expect(calls == 2)
  }

  @Test("an answer that was lost and asked for again by the backend is no other's opening")
  func repeated() throws {
    let table = memory()
    let issued = try tickets(table).issue(identity)
    let repeating = RepeatingTable(table)
    let grant = try #require(opened(try tickets(repeating).open(issued.ticket.text, lastEventID: nil)))
    #expect(try tickets(table).lost([grant]).isEmpty)
  }

  @Test("a row of another release opens nothing")
  func otherVersion() throws {
    let table = memory()
    let issued = try tickets(table).issue(identity)
    var item = try #require(try table.get(TicketRow.key(hash: issued.ticket.hash), consistency: .strong))
    item["v"] = .number(2)
    try table.put(item, if: .always)
    #expect(refusal(try tickets(table).open(issued.ticket.text, lastEventID: nil)) == .unknown)
  }
}
