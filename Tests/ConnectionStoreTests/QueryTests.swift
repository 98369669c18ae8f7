import ConnectionStore
import TestSupport
import Testing

@Suite("query")
struct QueryTests {
  /// Sort keys with every character that a language on the way could take for its own, in byte order.
  static let awkward = [
    "\u{0}", "\u{0}\u{0}", "\n", " ", "!", "\"", "#", "#a", "%", "%a", "'", "'; DROP TABLE items; --", "*", "?1", "A",
    "[", "\\", "_", "_a", "a", "a\u{0}", "a\u{0}b", "a ", "a#", "a#b", "a%", "a_", "aa", "ab", "b", "~", "\u{7F}",
    "\u{80}", "e\u{301}", "\u{E9}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}",
  ].sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }

  private func filled(_ backend: Backend, _ sorts: [String] = awkward) throws -> Stage {
    let stage = try backend.open()
    try stage.table.writeBatch(sorts.shuffled().map { .put(Item(key: ItemKey(partition: "p", sort: $0))) })
    // Neighbours that must not be seen.
    try stage.table.writeBatch(["o", "p\u{0}", "pp", "q"].map { .put(Item(key: ItemKey(partition: $0, sort: "a"))) })
    return stage
  }

  @Test("a partition is read in the byte order of its sort keys", arguments: Backend.allCases)
  func order(_ backend: Backend) throws {
    #expect(try filled(backend).table.sorts(Query(partition: "p")).bytewise == Self.awkward.bytewise)
  }

  @Test("pages of any size give each item once", arguments: Backend.allCases, [1, 2, 3, 7, 37, 38, 39, .max])
  func pages(_ backend: Backend, _ limit: Int) throws {
    #expect(try filled(backend).table.sorts(Query(partition: "p", limit: limit)).bytewise == Self.awkward.bytewise)
  }

  @Test("a prefix is a prefix of bytes, no pattern", arguments: Backend.allCases)
  func prefixes(_ backend: Backend) throws {
    let table = try filled(backend).table
    for prefix in Self.awkward + ["", "zz"] {
      let expected = Self.awkward.filter { $0.utf8.starts(with: prefix.utf8) }
      #expect(
        try table.sorts(Query(partition: "p", sort: .prefix(prefix), limit: 2)).bytewise == expected.bytewise,
        "\(prefix)")
    }
  }

  @Test("both ends belong to a range, and a missing end leaves it open", arguments: Backend.allCases)
  func ranges(_ backend: Backend) throws {
    let table = try filled(backend).table
    let ends: [String?] = [nil, "\u{0}", "%", "a", "a\u{0}", "ac", "\u{E9}", "\u{10FFFF}"]
    for from in ends {
      for to in ends {
        let expected = Self.awkward.filter {
          !$0.utf8.lexicographicallyPrecedes((from ?? "").utf8)
            && !(to ?? "\u{10FFFF}\u{10FFFF}").utf8.lexicographicallyPrecedes($0.utf8)
        }
        #expect(
          try table.sorts(Query(partition: "p", sort: .between(from, to), limit: 5)).bytewise == expected.bytewise)
      }
    }
  }

  @Test("the last page has no next, also when it is full", arguments: Backend.allCases)
  func lastPage(_ backend: Backend) throws {
    let table = try filled(backend, ["a", "b", "c"]).table
    #expect(try table.query(Query(partition: "p", limit: 3)).next == nil)
    #expect(try table.query(Query(partition: "p", limit: 2)).next != nil)
    #expect(
      try table.query(Query(partition: "p", limit: 2, after: "b"))
        == Page([Item(key: ItemKey(partition: "p", sort: "c"))], next: nil))
    #expect(try table.query(Query(partition: "nobody")) == Page([], next: nil))
  }

  @Test("a limit counts live items: expired ones are read over", arguments: Backend.allCases)
  func limitCountsLiveItems(_ backend: Backend) throws {
    let stage = try backend.open()
    let sorts = (100..<140).map(String.init)
    // Every third one is alive; the last one is not.
    let now = stage.time.seconds
    try stage.table.writeBatch(
      sorts.enumerated().map { place, sort in
        .put(
          Item(key: ItemKey(partition: "p", sort: sort), expires: place % 3 == 0 && place < 39 ? now + 100 : now + 5))
      })
    stage.time.advance(seconds: 5)
    let live = sorts.enumerated().filter { $0.offset % 3 == 0 && $0.offset < 39 }.map(\.element)
    let page = try stage.table.query(Query(partition: "p", limit: 13))
    #expect(page.items.map(\.key.sort) == live)
    #expect(page.next == nil)
    #expect(try stage.table.query(Query(partition: "p", limit: 5)).items.map(\.key.sort) == Array(live.prefix(5)))
  }

  @Test("a page of large items ends at a megabyte", arguments: Backend.allCases)
  func largeItems(_ backend: Backend) throws {
    let table = try backend.open().table
    let block = Value.bytes(Array(repeating: 7, count: 300_000))
    for sort in ["1", "2", "3", "4", "5", "6", "7"] {
      try table.put(Item(key: ItemKey(partition: "p", sort: sort), attributes: ["block": block]), if: .always)
    }
    let page = try table.query(Query(partition: "p"))
    #expect(page.items.count == 4)
    #expect(page.items.allSatisfy { $0["block"] == block })
    #expect(try table.sorts(Query(partition: "p")) == ["1", "2", "3", "4", "5", "6", "7"])
  }

  @Test(
    "queries that are read side by side are answered as each by itself, in their order", arguments: Backend.allCases)
  func sideBySide(_ backend: Backend) throws {
    let stage = try backend.open()
    for partition in 0..<5 {
      try stage.table.writeBatch(
        (0..<partition * 7).map { .put(Item(key: ItemKey(partition: "p\(partition)", sort: "s\($0)"))) })
    }
    try stage.leaveExpired(ItemKey(partition: "p1", sort: "a"))
    let queries = (0..<5).flatMap {
      [Query(partition: "p\($0)", limit: 3), Query(partition: "p\($0)", sort: .prefix("s1"), after: "s10")]
    }
    let together = try stage.table.pages(of: queries)
    for (query, page) in zip(queries, together) { #expect(try stage.table.query(query) == page) }
    #expect(together.count == 10)
    #expect(try stage.table.pages(of: []) == [])
  }

  @Test(
    "items that are asked for together are answered as each by itself, in the order of their keys",
    arguments: Backend.allCases)
  func together(_ backend: Backend) throws {
    let stage = try backend.open()
    let key = { ItemKey(partition: "p\($0 % 3)", sort: "s\($0)") }
    // More than fit one request, every second of them.
    try stage.table.writeBatch(
      stride(from: 0, to: 230, by: 2).map { .put(Item(key: key($0), attributes: ["n": .number(Int64($0))])) })
    try stage.leaveExpired(key(301))
    let keys = ((0..<230).reversed() + [301, 4, 4]).map(key)
    let items = try stage.table.get(keys)
    #expect(items.count == keys.count && items.compactMap(\.self).count == 117)
    for (key, item) in zip(keys, items) { #expect(try stage.table.get(key, consistency: .strong) == item) }
    #expect(try stage.table.get([]) == [])
    #expect(try stage.table.get([key(1)]) == [nil])
  }

  @Test("what changes between two pages costs no other item its place", arguments: Backend.allCases)
  func changesBetweenPages(_ backend: Backend) throws {
    let table = try filled(backend, ["a", "c", "e", "g"]).table
    let first = try table.query(Query(partition: "p", limit: 2))
    try table.delete(ItemKey(partition: "p", sort: "c"), if: .always)
    try table.put(Item(key: ItemKey(partition: "p", sort: "b")), if: .always)
    try table.put(Item(key: ItemKey(partition: "p", sort: "d")), if: .always)
    #expect(try table.sorts(Query(partition: "p", limit: 2, after: first.next)) == ["d", "e", "g"])
  }
}

extension [String] {
  /// Compared as bytes, since "é" equals "e" with its accent as a `String`.
  var bytewise: [[UInt8]] { map { [UInt8]($0.utf8) } }
}
