import JSON
import LambdaEvents
import Messaging
import TestSupport
import Testing

@Suite("changes of a table")
struct DynamoDBChangeTests {
  private struct Attribute {
    var kind = "S"
    var value = ""

    func write(to writer: inout JSONWriter) {
      writer.object { $0.member(kind, kind == "B" ? Base64.encode(bytes(value)) : value) }
    }
  }

  /// The event that a change of that item becomes.
  private func change(
    _ keys: [(String, Attribute)], table: String = "orders", name: String = "MODIFY",
    image: [(String, Attribute)] = []
  ) throws -> (key: String?, event: Event?, text: String) {
    var writer = JSONWriter()
    writer.array { writer in
      writer.object { writer in
        writer.member("eventSource", "aws:dynamodb")
        writer.member("eventName", name)
        writer.member("eventSourceARN", "arn:aws:dynamodb:us-east-1:123456789012:table/\(table)/stream/2026")
        writer.key("dynamodb")
        writer.object { writer in
          for (member, list) in [("Keys", keys), ("NewImage", keys + image)] {
            writer.key(member)
            writer.object { writer in
              for (name, attribute) in list {
                writer.key(name)
                attribute.write(to: &writer)
              }
            }
          }
        }
      }
    }
    let payload = try SourceBatch(decoding: writer.bytes).records[0].payload.get()
    let event = try? Event(published: payload, in: 0..<payload.count, id: "1-a", timestamp: "")
    return (event?.key, event, text(payload))
  }

  @Test("the key of an item is its table and its parts, each told from every other")
  func keys() throws {
    func key(_ parts: Attribute..., table: String = "orders") throws -> String? {
      try change(Array(zip(["a", "b"], parts)), table: table).key
    }
    #expect(try key(.init(value: "a/b"), .init(value: "c")) == "orders/a%2Fb/c")
    #expect(try key(.init(value: "a"), .init(value: "b/c")) == "orders/a/b%2Fc")
    #expect(try key(.init(kind: "N", value: "7"), .init(value: "50%")) == "orders/7/50%25")
    #expect(try key(.init(kind: "B", value: "\u{1}\u{2}")) == "orders/AQI")
    #expect(try key(.init(value: "x"), table: "users") == "users/x")
    #expect(try key(.init(value: "Zoë 日本\u{202E}\n")) == "orders/Zoë 日本%E2%80%AE%0A")
  }

  @Test("an item has one key in whatever order its attributes are written")
  func order() throws {
    let one: [(String, Attribute)] = [("user", .init(value: "a")), ("day", .init(kind: "N", value: "1"))]
    #expect(try change(one).key == "orders/1/a")
    #expect(try change(one.reversed()).key == "orders/1/a")
  }

  @Test("a key that would be too long is its table and a hash, and still one item's")
  func long() throws {
    let long = String(repeating: "é", count: 1_000)
    let key = try #require(try change([("a", .init(value: long + "1"))]).key)
    #expect(key.hasPrefix("orders/%sha256:") && key.utf8.count <= Limit.keyBytes)
    #expect(try change([("a", .init(value: long + "2"))]).key != key)
    // Nobody's part is spelled so: a part's `%` is escaped.
    #expect(try change([("a", .init(value: String(key.dropFirst(7))))]).key != key)
    let table = String(repeating: "t", count: 255)
    #expect(try change([("a", .init(value: "1"))], table: table).key?.hasPrefix("%sha256:") == true)
  }

  @Test(
    "two items have one key only if they are the same one, and every key is one that an event may have",
    arguments: [UInt64(1), 2, 3, 4])
  func property(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    let pieces = ["a", "b", "/", "%", "%2F", "é", "e\u{301}", "\u{0}", "\n", "\u{202E}", "%sha256:", "\"", "😀"]
    var items: [String: [String]] = [:]
    for _ in 0..<400 {
      // The kinds of a table's keys are fixed by its schema.
      let table = ["orders", "users", "bytes"].randomElement(using: &random) ?? ""
      let values = (0..<2).map { _ in
        String(
          (0..<Int.random(in: 1...4, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined())
      }
      let size = Int.random(in: 0...20, using: &random) == 0 ? 300 : 0
      let parts = [values[0] + String(repeating: "x", count: size), values[1]]
      let kind = table == "bytes" ? "B" : "S"
      let key = try #require(
        try change(Array(zip(["pk", "sk"], parts.map { Attribute(kind: kind, value: $0) })), table: table).key)
      let item = [table] + parts
      if let other = items[key] {
        #expect(other.elementsEqual(item) { $0.hasSameBytes(as: $1) }, "seed \(seed)")
      }
      items[key] = item
      #expect(key.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }, "seed \(seed)")
    }
  }

  @Test("an attribute `event` that is no event is an attribute like any other")
  func eventAttribute() throws {
    let key: [(String, Attribute)] = [("pk", .init(value: "1"))]
    let published = #"{"type":"signal","data":1}"#
    #expect(try change(key, image: [("event", .init(value: published))]).text == published)
    for (kind, value) in [
      ("N", "42"), ("S", "login"), ("S", "42"), ("S", #"{"type":"x"}"#), ("B", published), ("S", ""),
    ] {
      let change = try change(key, image: [("event", .init(kind: kind, value: value))])
      #expect(change.event?.type == "table:modify" && change.key == "orders/1", "\(kind) \(value)")
    }
    #expect(try change(key, name: "REMOVE", image: [("event", .init(value: published))]).event?.type == "table:remove")
  }

  @Test("what DynamoDB never writes makes no JSON that could not be read")
  func malformed() throws {
    for value in ["", "NaN", "1 2", "\"a\"", "1,\"x\":2", "[", "-"] {
      #expect(try change([("pk", .init(kind: "N", value: value))]).event?.type == "table:modify", "\(value)")
    }
    let twice = #"""
      [{"eventSource":"aws:dynamodb","eventName":"INSERT","dynamodb":{"Keys":{"a":{"S":"x","N":"1"},"b":{},"c":{"Q":[1]}}}}]
      """#
    let payload = try SourceBatch(decoding: bytes(twice)).records[0].payload.get()
    #expect(text(payload) == #"{"type":"table:insert","key":"/x","data":{"keys":{"a":"x","b":null,"c":null}}}"#)
  }
}
