import ConnectionStore
import TestSupport
import Testing

@Suite("update and increment")
struct UpdateTests {
  static let key = ItemKey(partition: "s#t", sort: "!")

  @Test("an update sets, adds and removes, keeps the rest, and returns the item", arguments: Backend.allCases)
  func changes(_ backend: Backend) throws {
    let table = try backend.open().table
    try table.put(
      Item(key: Self.key, attributes: ["keep": .string("k"), "n": .number(5), "gone": .number(1), "old": .number(1)]),
      if: .always)
    var change = Change()
    change.set = ["old": .string("new"), "fresh": .bytes([1])]
    change.add = ["n": -7, "m": 3]
    change.remove = ["gone", "never"]
    let after = try table.update(Self.key, change: change, if: .exists)
    #expect(
      after.attributes == [
        "keep": .string("k"), "n": .number(-2), "m": .number(3), "old": .string("new"), "fresh": .bytes([1]),
      ])
    #expect(try table.get(Self.key, consistency: .strong) == after)
  }

  @Test("an update does not create an item unless asked to", arguments: Backend.allCases, [false, true])
  func creates(_ backend: Backend, _ isExpired: Bool) throws {
    let stage = try backend.open()
    if isExpired { try stage.leaveExpired(Self.key) }
    let refusal = code { () throws(TableError) in
      try stage.table.update(Self.key, change: .setting("a", .number(1)), if: .always)
    }
    #expect(refusal == .conditionFailed)
    #expect(try stage.table.get(Self.key, consistency: .strong) == nil)
    var change = Change.setting("a", .number(1), creates: true)
    change.expiresOnCreation = stage.time.seconds + 5
    let created = try stage.table.update(Self.key, change: change, if: .absent)
    #expect(created == Item(key: Self.key, attributes: ["a": .number(1)], expires: stage.time.seconds + 5))
  }

  @Test(
    "the condition is looked at before the change, and a refused update changes nothing", arguments: Backend.allCases)
  func condition(_ backend: Backend) throws {
    let table = try backend.open().table
    try table.put(Item(key: Self.key, attributes: ["n": .number(1)]), if: .always)
    try table.update(Self.key, change: .adding(1, to: "n"), if: .equals("n", .number(1)))
    let refusal = code { () throws(TableError) in
      try table.update(Self.key, change: .adding(1, to: "n"), if: .equals("n", .number(3)))
    }
    #expect(refusal == .conditionFailed)
    #expect(try table.get(Self.key, consistency: .strong)?.number("n") == 2)
  }

  @Test("an update keeps, moves or lifts the expiry of an item that is there", arguments: Backend.allCases)
  func expiry(_ backend: Backend) throws {
    let stage = try backend.open()
    let soon = stage.time.seconds + 10
    try stage.table.put(Item(key: Self.key, expires: soon), if: .always)
    var change = Change.setting("a", .number(1), creates: true)
    change.expiresOnCreation = soon + 99
    #expect(try stage.table.update(Self.key, change: change, if: .always).expires == soon)
    change.expires = .at(soon + 1)
    #expect(try stage.table.update(Self.key, change: change, if: .always).expires == soon + 1)
    change.expires = .never
    #expect(try stage.table.update(Self.key, change: change, if: .always).expires == nil)
    stage.time.advance(seconds: 1000)
    #expect(try stage.table.get(Self.key, consistency: .strong) != nil)
  }

  // moto breaks when something is added to a text.
  @Test("adding to what is no number, or beyond 64 bits, is refused and changes nothing", arguments: Backend.atomic)
  func badSums(_ backend: Backend) throws {
    let table = try backend.open().table
    let item = Item(key: Self.key, attributes: ["s": .string("5"), "n": .number(.max)])
    try table.put(item, if: .always)
    for name in ["s", "n"] {
      let refusal = code { () throws(TableError) in
        try table.update(Self.key, change: .adding(1, to: name), if: .always)
      }
      #expect(refusal == .invalidRequest)
    }
    #expect(try table.get(Self.key, consistency: .strong) == item)
  }

  @Test("a counter begins at nothing and sets its expiry once", arguments: Backend.allCases)
  func counter(_ backend: Backend) throws {
    let stage = try backend.open()
    let expires = stage.time.seconds + 60
    #expect(try stage.table.increment(Self.key, attribute: "n", expires: expires) == 1)
    #expect(try stage.table.increment(Self.key, attribute: "n", by: 41, expires: expires + 60) == 42)
    #expect(try stage.table.increment(Self.key, attribute: "m", by: -3) == -3)
    #expect(try stage.table.get(Self.key, consistency: .strong)?.expires == expires)
  }

  @Test("a counter that has expired begins again, with a new expiry", arguments: Backend.allCases)
  func expiredCounter(_ backend: Backend) throws {
    let stage = try backend.open()
    try stage.leaveExpired(Self.key, ["n": .number(99), "other": .number(1)])
    let expires = stage.time.seconds + 60
    #expect(try stage.table.increment(Self.key, attribute: "n", expires: expires) == 1)
    #expect(
      try stage.table.get(Self.key, consistency: .strong)
        == Item(key: Self.key, attributes: ["n": .number(1)], expires: expires))
  }
}
