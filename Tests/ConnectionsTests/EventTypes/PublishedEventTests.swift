import Connections
import JSON
import Messaging
import TestSupport
import Testing

@Suite("an event as the file of event types has it published")
struct PublishedEventTests {
  private func published(
    _ type: String, _ data: String, key: String? = nil, types: EventTypeTable = .standard
  ) throws -> Event {
    try types.published(Event(type: type, key: key, data: bytes(data), id: "1-a", timestamp: ""))
  }

  @Test(
    "the key is taken from the data where the publisher gives none",
    arguments: [
      (#"{"symbol":"AAPL","price":152.50}"#, "AAPL"), (#"{"a":{"symbol":"no"},"symbol":"BRK:B"}"#, "BRK:B"),
      (#"{"symbol":7}"#, "7"), (#"{"symbol":1.50}"#, "1.50"), (#"{"symbol":"A","symbol":"B"}"#, "B"),
      (#"{"symb\u006fl":"A"}"#, "A"),
      ("{}", nil), ("[]", nil), ("1", nil), (#"{"symbol":{"a":1}}"#, nil), (#"{"symbol":null}"#, nil),
      (#"{"symbol":true}"#, nil),
      (#"{"symbol":""}"#, nil), (#"{"symbol":"a\u0000"}"#, nil),
    ] as [(String, String?)])
  func keys(data: String, key: String?) throws {
    #expect(try published("price:update", data).key == key)
    #expect(try published("price:update", data, key: "given").key == "given")
    #expect(try published("mine", data).key == nil)
  }

  @Test("a key of more than 256 bytes is none")
  func longKey() throws {
    let letters = { String(repeating: "x", count: $0) }
    #expect(try published("price:update", "{\"symbol\":\"\(letters(256))\"}").key == letters(256))
    #expect(try published("price:update", "{\"symbol\":\"\(letters(257))\"}").key == nil)
  }

  @Test("the version is that of the type; a type that no file knows has none")
  func versions() throws {
    let types = try EventTypeTable(
      reading: bytes(
        #"{"version":1,"types":[{"name":"a","aliases":["A"],"roles":[],"version":4,"schema":{},"example":1},"#
          + #"{"name":"b","roles":[],"schema":{},"example":1}]}"#),
      file: "t")
    #expect(try published("A", "1", types: types).version == 4)
    #expect(try published("b", "1", types: types).version == 1)
    #expect(try published("c", "1", types: types).version == nil)
  }

  private static func holdingBack(_ omit: String, _ redact: String) throws -> EventTypeTable {
    let schema =
      #"{"properties":{"a":{"properties":{"b":{"type":"string"},"c":{}}},"list":{"items":{"properties":{"s":{}}}},"s":{}}}"#
    return try EventTypeTable(
      reading: bytes(
        "{\"version\":1,\"types\":[{\"name\":\"t\",\"roles\":[],\"omit\":\(omit),\"redact\":\(redact),\"schema\":\(schema),"
          + "\"example\":{}}]}"),
      file: "t")
  }

  @Test(
    "what never leaves is taken out, wherever it stands, and everything else stays as it was written",
    arguments: [
      (#"["s"]"#, "[]", #"{"s":1,"n":1.50,"S":2,"s":3}"#, #"{"n":1.50,"S":2}"#),
      (#"["s"]"#, "[]", #"{"\u0073":1,"t":{"s":1}}"#, #"{"t":{"s":1}}"#),
      (#"["a.b"]"#, "[]", #"{"a":{"b":"x","c":1},"b":"y"}"#, #"{"a":{"c":1},"b":"y"}"#),
      (#"["a.b"]"#, "[]", #"{"a":[{"b":1},[{"b":2,"c":1e3}],7]}"#, #"{"a":[{},[{"c":1e3}],7]}"#),
      (#"["list.s"]"#, "[]", #"{"list":[{"s":1,"t":2},{"s":3}]}"#, #"{"list":[{"t":2},{}]}"#),
      (
        "[]", #"["s","list.s"]"#, #"{"s":{"deep":1},"list":[{"s":null}]}"#,
        #"{"s":"[redacted]","list":[{"s":"[redacted]"}]}"#
      ),
      (#"["s"]"#, "[]", "[1]", "[1]"),
      (#"["s"]"#, "[]", #"[{"s":1}]"#, "[{}]"),
      (#"["s"]"#, "[]", "7", "7"),
    ])
  func heldBack(omit: String, redact: String, data: String, expected: String) throws {
    #expect(text(try published("t", data, types: Self.holdingBack(omit, redact)).data) == expected)
  }

  @Test("no value of a member that is held back is left, whatever the data", arguments: [UInt64(1), 2, 3])
  func nothingLeft(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let types = try Self.holdingBack(#"["a.b","list.s"]"#, #"["s"]"#)
    func value(_ depth: Int, isHeld: Bool, _ path: [String]) -> String {
      let kinds = depth == 0 ? 0...1 : 0...3
      switch Int.random(in: kinds, using: &generator) {
      case 0: return isHeld ? "\"SECRET\"" : "1.50"
      case 1: return isHeld ? "[\"SECRET\"]" : "\"x\""
      case 2:
        return "["
          + (0..<Int.random(in: 0...2, using: &generator)).map { _ in value(depth - 1, isHeld: isHeld, path) }
          .joined(separator: " , ") + "]"
      default:
        let members = ["a", "b", "list", "s", "z"].filter { _ in Bool.random(using: &generator) }.map { name in
          let path = path + [name]
          let isHeldHere = isHeld || [["a", "b"], ["list", "s"], ["s"]].contains(path)
          return "\"\(name)\": \(value(depth - 1, isHeld: isHeldHere, path))"
        }
        return "{" + members.joined(separator: ",") + "}"
      }
    }
    for _ in 0..<400 {
      let data = value(4, isHeld: false, [])
      let left = try published("t", data, types: types).data
      try JSONReader.validate(left)
      #expect(!text(left).contains("SECRET"), "seed \(seed): \(data)")
    }
  }
}
