import JSON
import TestSupport
import Testing

@Suite("JSON reader")
struct JSONReaderTests {
  private func code(_ text: String, _ read: (inout JSONReader) throws -> Void) -> JSONError.Code? {
    var reader = JSONReader(bytes(text))
    do {
      try read(&reader)
      return nil
    } catch {
      return (error as? JSONError)?.code
    }
  }

  @Test("an object is read member by member, what nobody asked for is passed")
  func object() throws {
    var reader = JSONReader(
      bytes(#" { "type" : "ping" , "extra" : [1,{"a":null}] , "n" : 7 , "ok":true, "no":null } "#))
    var seen: [String] = []
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "type": seen.append(try reader.string())
      case "n": seen.append(String(try reader.integer()))
      case "ok": seen.append(String(try reader.boolean()))
      case "no": seen.append(String(try reader.null()))
      default: try reader.skip()
      }
    }
    try reader.end()
    #expect(seen == ["ping", "7", "true", "true"])
  }

  @Test("data leaves as the bytes it came in")
  func rawBytes() throws {
    let data = #"{"price":152.50,"id":1234567890123456789,"z":1,"a":-0.0E+00,"z":2,"t":"\u00e9\/"}"#
    var reader = JSONReader(bytes("{\"data\":\t \(data) \n}"))
    try reader.beginObject()
    #expect(try reader.nextKey() == "data")
    #expect(text(try reader.rawValue()) == data)
    #expect(try reader.nextKey() == nil)
    try reader.end()
  }

  @Test(
    "numbers are handed on as they are written", arguments: ["152.50", "1234567890123456789", "-0", "1e400", "1E-9"])
  func numbers(written: String) throws {
    var reader = JSONReader(bytes(" \(written) "))
    #expect(text(try reader.number()) == written)
  }

  @Test(
    "whole numbers are read up to the bounds of 64 bits",
    arguments: [
      ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min), ("-0", 0), ("0", 0), ("-17", -17),
    ])
  func integers(written: String, value: Int64) throws {
    var reader = JSONReader(bytes(written))
    #expect(try reader.integer() == value)
  }

  @Test("a whole number beyond 64 bits is out of range, one with a fraction or exponent is none")
  func integerFaults() {
    for text in ["9223372036854775808", "-9223372036854775809", "100000000000000000000"] {
      #expect(code(text) { _ = try $0.integer() } == .numberOutOfRange)
    }
    for text in ["1.0", "1e2", "152.50"] {
      #expect(code(text) { _ = try $0.integer() } == .wrongKind(expected: "a whole number", found: .number))
    }
  }

  @Test("escapes are decoded, surrogate pairs too")
  func escapes() throws {
    var reader = JSONReader(bytes(#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\uD834\udd1e\u0000é€𝄞""#))
    #expect(try reader.string() == "\"\\/\u{8}\u{C}\n\r\tAé€𝄞\0é€𝄞")
    try reader.end()
  }

  @Test(
    "a surrogate without its partner travels as bytes but is not decoded",
    arguments: [#""\ud800""#, #""\ud800\u0041""#, #""\udc00\ud800""#, #""\ud800x""#, #""\ud834\ud834\udd1e""#])
  func loneSurrogates(written: String) throws {
    var reader = JSONReader(bytes(written))
    #expect(text(try reader.rawValue()) == written)
    #expect(code(written) { _ = try $0.string() } == .loneSurrogate)
  }

  @Test(
    "an escape that is none is refused",
    arguments: [#""\x""#, #""\u12g4""#, #""\u 123""#, #""\U0041""#, #""\'""#, #""\u00"1""#])
  func invalidEscapes(written: String) {
    #expect(code(written) { try $0.skip() } == .invalidEscape)
  }

  @Test("every control character must be escaped", arguments: UInt8(0)..<0x20)
  func controlCharacters(byte: UInt8) {
    let text = [UInt8(ascii: "\""), byte, UInt8(ascii: "\"")]
    #expect(throws: JSONError(.controlCharacter, offset: 1)) { try JSONReader.validate(text) }
  }

  @Test("one hundred levels are read, the hundred and first is refused", arguments: [("[", "]"), ("{\"k\":", "}")])
  func depth(open: String, close: String) throws {
    func nested(_ levels: Int) -> [UInt8] {
      bytes(String(repeating: open, count: levels) + "1" + String(repeating: close, count: levels))
    }
    try JSONReader.validate(nested(100))
    _ = try JSONTree(nested(100))
    let error = try #require(throws: JSONError.self) { try JSONReader.validate(nested(101)) }
    #expect(error == JSONError(.tooDeep(maximumDepth: 100), offset: open.utf8.count * 100))
    #expect(throws: error) { try JSONTree(nested(101)) }
    try JSONReader.validate(nested(2), maximumDepth: 2)
    #expect(throws: JSONError.self) { try JSONReader.validate(nested(3), maximumDepth: 2) }
  }

  @Test("the depth is that of the place, not of all that was passed")
  func depthOfSiblings() throws {
    let deep = String(repeating: "[", count: 99) + String(repeating: "]", count: 99)
    try JSONReader.validate(bytes("[\(deep),\(deep),{\"a\":1},\(deep)]"))
  }

  @Test(
    "another kind than the one asked for is named",
    arguments: ["{}", "[]", "\"a\"", "1", "true", "null"])
  func wrongKinds(written: String) throws {
    var reader = JSONReader(bytes(written))
    let kind = try reader.peek()
    let reads: [(JSONKind, (inout JSONReader) throws -> Void)] = [
      (.object, { try $0.beginObject() }), (.array, { try $0.beginArray() }), (.string, { _ = try $0.string() }),
      (.number, { _ = try $0.number() }), (.boolean, { _ = try $0.boolean() }),
    ]
    for (expected, read) in reads where expected != kind {
      #expect(code(written, read) == .wrongKind(expected: expected.rawValue, found: kind))
    }
    #expect(try reader.null() == (kind == .null))
  }

  @Test(
    "errors say what was wrong and where",
    arguments: [
      ("", "the JSON text ends too early at byte 0"),
      ("{\"a\":1,}", "unexpected '}', expected a key in quotes at byte 7"),
      ("[1,]", "unexpected ']', expected a value at byte 3"),
      ("[1 2]", "unexpected '2', expected ',' or ']' at byte 3"),
      ("{\"a\" 1}", "unexpected '1', expected ':' at byte 5"),
      ("{a:1}", "unexpected 'a', expected a key in quotes at byte 1"),
      ("012", "invalid number at byte 0"), ("1.", "invalid number at byte 0"),
      ("-", "the JSON text ends too early at byte 1"),
      ("tru", "the JSON text ends too early at byte 3"), ("nulL", "unexpected 'L', expected null at byte 3"),
      ("{} x", "something follows the JSON value at byte 3"),
      ("\u{1}", "unexpected byte 1, expected a value at byte 0"),
    ])
  func messages(written: String, message: String) {
    let error = #expect(throws: JSONError.self) { try JSONReader.validate(bytes(written)) }
    #expect(error?.description == message)
  }

  @Test("a key may come twice: the caller sees both")
  func repeatedKeys() throws {
    let tree = try JSONTree(bytes(#"{"a":1,"a":2}"#))
    #expect(
      tree == .object([.init(key: "a", value: .number(bytes("1"))), .init(key: "a", value: .number(bytes("2")))]))
  }

  @Test("a connect event is read whole and passed whole")
  func connectEvent() throws {
    let event = try Fixtures.bytes("Fuzz/Corpus/JSONReader/connect-event.json")
    try JSONReader.validate(event)
    let tree = try JSONTree(event)
    #expect(try JSONTree(tree.text) == tree)
  }
}
