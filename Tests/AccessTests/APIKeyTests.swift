import ConnectionStore
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Access

@Suite("Keys")
struct APIKeyTests {
  private let clock = SettableClock()
  private let grant = KeyGrant(
    principal: Principal(user: "u-1", role: .viewer, groups: ["a,b", "é"]), label: "dashboard")

  @Test("a key is found by its text as it was made, until it is revoked")
  func life() throws {
    let keys = APIKeys(table: MemoryTable(clock: clock.clock), clock: clock.clock)
    let (key, stored) = try keys.create(grant)
    #expect(key.text.hasPrefix("tt_") && key.text.utf8.count == 46)
    #expect(try keys.find(key) == stored)
    #expect(try keys.find(#require(APIKey(key.text)))?.grant == grant)
    #expect(try keys.list() == [stored])
    #expect(try keys.list(hashPrefix: String(key.hash.prefix(8))) == [stored])
    clock.advance(seconds: 5)
    try keys.revoke(key.hash)
    #expect(try keys.find(key) == nil && keys.list() == [])
    try keys.revoke(key.hash)
    let changes = try keys.changes()
    #expect(changes.map(\.action) == ["created", "revoked"])
    #expect(changes.allSatisfy { $0.hash == key.hash && $0.user == "u-1" && $0.role == "viewer" })
    #expect(changes[1].atMilliseconds - changes[0].atMilliseconds == 5_000)
    clock.advance(seconds: 400 * 24 * 60 * 60 - 6)
    #expect(try keys.changes() == changes)
    clock.advance(seconds: 7)
    #expect(try keys.changes() == [])
  }

  @Test("a key ends at its second, in lists too")
  func expiry() throws {
    let keys = APIKeys(table: MemoryTable(clock: clock.clock), clock: clock.clock)
    var grant = grant
    grant.expires = clock.seconds + 60
    let (key, _) = try keys.create(grant)
    clock.advance(seconds: 59)
    #expect(try keys.find(key)?.grant.expires == clock.seconds + 1)
    clock.advance(seconds: 1)
    #expect(try keys.find(key) == nil && keys.list() == [])
  }

  @Test("no item of the table holds the key")
  func onlyHashes() throws {
    let table = MemoryTable(clock: clock.clock)
    let keys = APIKeys(table: table, clock: clock.clock)
    let (key, _) = try keys.create(grant)
    let items = try [
      table.get(ItemKey(partition: "a#\(key.hash)", sort: "a"), consistency: .strong),
      table.get(ItemKey(partition: "a", sort: key.hash), consistency: .strong),
    ]
    #expect(items.allSatisfy { $0 != nil })
    #expect(!"\(items)".contains(key.text) && !"\(items)".contains(key.text.dropFirst(3)))
  }

  @Test("a key whose writing fails anywhere is there twice or not at all, as its answer says")
  func failures() throws {
    let calls = try failEachCall(over: { MemoryTable(clock: clock.clock) }) { table in
      _ = try APIKeys(table: table, clock: clock.clock, randomness: Randomness { 7 }).create(grant)
    } check: { table, error, run in
      let key = APIKey(Randomness { 7 })
      let found = [try APIKeys(table: table).find(key) != nil, try APIKeys(table: table).list().count == 1]
      #expect(found[0] == found[1], "\(run)")
      #expect(error != nil || found[0], "\(run)")
    }
    #expect(calls >= 1)
  }

  @Test(
    "texts that no key can have cost no read",
    arguments: [
      "", "tt_", "tt_abc", "tt_" + String(repeating: "A", count: 42), "tt_" + String(repeating: "A", count: 44),
      "tt_" + String(repeating: "A", count: 42) + "=", "TT_" + String(repeating: "A", count: 43),
      "tt_" + String(repeating: "A", count: 42) + "B", String(repeating: "A", count: 46),
    ])
  func impossible(text: String) {
    #expect(APIKey(text) == nil)
  }

  @Test("a row of another release opens nothing")
  func otherVersion() throws {
    let table = MemoryTable(clock: clock.clock)
    let keys = APIKeys(table: table, clock: clock.clock)
    let (key, stored) = try keys.create(grant)
    var item = AccessKeyRow.item(AccessKeyRow.key(hash: key.hash), stored: stored)
    item["v"] = .number(2)
    try table.put(item, if: .always)
    #expect(try keys.find(key) == nil)
  }

  @Test("thousands of keys are listed in the order of their creation")
  func many() throws {
    let keys = APIKeys(table: MemoryTable(clock: clock.clock), clock: clock.clock)
    var made: [String] = []
    for _ in 0..<2_500 {
      made.append(try keys.create(grant).key.hash)
      clock.advance(milliseconds: 1)
    }
    #expect(try keys.list().map(\.hash) == made)
  }
}
