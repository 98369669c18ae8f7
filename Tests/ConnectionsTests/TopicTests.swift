import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@Suite("keys of the table")
struct TopicTests {
  @Test("the type 'price' with the key 'update' is not the type 'price:update'")
  func colon() {
    #expect(Topic.key(type: "price", key: "update").name != Topic.type("price:update").name)
    #expect(Topic.key(type: "price", key: "update").name == "t:price:update")
    #expect(Topic.type("price:update").name == "t:price%3Aupdate")
  }

  @Test("quotes, NUL, '#' and line feeds are encoded, letters outside ASCII by their bytes")
  func encoding() {
    #expect(Topic.user("a\"\0#\né-._~%").name == "u:a%22%00%23%0A%C3%A9-._~%25")
  }

  @Test("a composed letter and the same letter with a combining mark are two keys")
  func normalization() {
    #expect(Topic.key(type: "t", key: "\u{E9}") != Topic.key(type: "t", key: "e\u{301}"))
    #expect(Selector.key("\u{E9}") != Selector.key("e\u{301}"))
  }

  @Test("different tuples give different keys", arguments: [UInt64(1), 2, 3])
  func injective(seed: UInt64) {
    var generator = SeededGenerator(seed)
    let alphabet: [Unicode.Scalar] = ["a", "b", ":", "#", "%", "3", "A", "\0", "\n", "\u{E9}", "/", "t", "u"]
    func word() -> String {
      var scalars = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        scalars.append(alphabet.randomElement(using: &generator)!)
      }
      return String(scalars)
    }
    var seen: [String: [[UInt8]]] = [:]
    for _ in 0..<4000 {
      let (first, second, kind) = (word(), word(), UInt8.random(in: 0...3, using: &generator))
      let topic: Topic =
        switch kind {
        case 0: .type(first)
        case 1: .key(type: first, key: second)
        case 2: .user(first)
        default: .group(first)
        }
      let tuple = [[kind], Array(first.utf8), kind == 1 ? Array(second.utf8) : []]
      let name = ListenerRow.partition(topic, shard: 0)
      #expect(seen[name] == nil || seen[name] == tuple, "seed \(seed): \(tuple) and \(seen[name]!) are both \(name)")
      seen[name] = tuple
    }
  }

  @Test("the longest names fit a key of the table")
  func longest() {
    let topic = Topic.key(type: String(repeating: ":", count: 128), key: String(repeating: "\0", count: 256))
    #expect(ListenerRow.partition(topic, shard: 7).utf8.count <= 2048)
  }

  @Test("connections are spread over the shards, each always to the same one")
  func shards() throws {
    var counts = [Int](repeating: 0, count: 8)
    for number in 0..<800 {
      let id = try #require(ConnectionID("conn\(number)="))
      #expect(Shard.index(of: id, count: 8) == Shard.index(of: id, count: 8))
      counts[Shard.index(of: id, count: 8)] += 1
    }
    #expect(counts.allSatisfy { (50...150).contains($0) }, "\(counts)")
    let id = try #require(ConnectionID("AbCdEfG1oAMCJuQ="))
    #expect(Shard.index(of: id, count: 8) == 6, "another shard than the rows that are written already")
  }
}
