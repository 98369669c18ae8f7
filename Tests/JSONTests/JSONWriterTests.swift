import JSON
import TestSupport
import Testing

@Suite("JSON writer")
struct JSONWriterTests {
  private func written(_ write: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    write(&writer)
    return text(writer.bytes)
  }

  @Test("commas stand between members and elements, nowhere else")
  func commas() {
    let result = written { writer in
      writer.object { writer in
        writer.member("a", "x")
        writer.member("none", ifPresent: nil)
        writer.member("b", 7)
        writer.key("c")
        writer.array { writer in
          writer.object { _ in }
          writer.array { _ in }
          writer.null()
          writer.double(1.5)
        }
        writer.member("d", true)
        writer.member("e", raw: bytes("152.50"))
        writer.member("f", ifPresent: "y")
      }
    }
    #expect(result == #"{"a":"x","b":7,"c":[{},[],null,1.5],"d":true,"e":152.50,"f":"y"}"#)
  }

  @Test("every character from U+0000 to U+00FF is written so that it is read again")
  func everyCharacter() throws {
    for value in UInt32(0)...0xFF {
      let character = String(Unicode.Scalar(value)!)
      let result = written { $0.string(character) }
      #expect(result.utf8.allSatisfy { $0 >= 0x20 })
      var reader = JSONReader(bytes(result))
      #expect(try reader.string() == character)
    }
  }

  @Test("quotes, backslashes and control characters are escaped, nothing else is")
  func escapes() {
    #expect(
      written { $0.string("\"\\/\n\r\t\0\u{1F}\u{7F}é€𝄞\u{2028}") }
        == "\"\\\"\\\\/\\n\\r\\t\\u0000\\u001f\u{7F}é€𝄞\u{2028}\"")
    #expect(written { $0.object { $0.member("k\"", "v") } } == #"{"k\"":"v"}"#)
  }

  @Test("whole numbers of every width are written")
  func integers() {
    #expect(written { $0.integer(Int64.min) } == "-9223372036854775808")
    #expect(written { $0.integer(Int64.max) } == "9223372036854775807")
    #expect(written { $0.integer(UInt64.max) } == "18446744073709551615")
    #expect(written { $0.integer(UInt8(0)) } == "0")
  }

  @Test(
    "a decimal reads back the same",
    arguments: [0, -0.0, 0.1, 152.5, 1e21, -1e-7, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1 / 3])
  func doubles(value: Double) throws {
    let result = written { $0.double(value) }
    try JSONReader.validate(bytes(result))
    #expect(Double(result)?.bitPattern == value.bitPattern)
  }

  @Test("what JSON has no number for becomes null", arguments: [Double.infinity, -.infinity, .nan])
  func noNumbers(value: Double) {
    #expect(written { $0.double(value) } == "null")
  }
}
