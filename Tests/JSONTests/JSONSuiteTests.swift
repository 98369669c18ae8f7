import JSON
import Testing

@Suite("JSONTestSuite")
struct JSONSuiteTests {
  private static let folder = "Tests/Fixtures/json-test-suite/test_parsing"
  private static let names = Fixtures.names(in: folder)

  /// What is done with a text that RFC 8259 leaves to the parser.
  enum Decision: Sendable {
    case accepted
    /// It may travel as the bytes it is, but cannot be made a Swift string.
    case acceptedUndecoded
    case refused
  }

  /// Numbers are text until somebody asks for one, so their size is no reason to refuse. A surrogate without its
  /// partner is an escape like others as long as nobody decodes it. Bytes that are not UTF-8 are refused, a byte order
  /// mark too.
  private static let decisions: [String: Decision] = [
    "i_number_double_huge_neg_exp": .accepted,
    "i_number_huge_exp": .accepted,
    "i_number_neg_int_huge_exp": .accepted,
    "i_number_pos_double_huge_exp": .accepted,
    "i_number_real_neg_overflow": .accepted,
    "i_number_real_pos_overflow": .accepted,
    "i_number_real_underflow": .accepted,
    "i_number_too_big_neg_int": .accepted,
    "i_number_too_big_pos_int": .accepted,
    "i_number_very_big_negative_int": .accepted,
    "i_object_key_lone_2nd_surrogate": .acceptedUndecoded,
    "i_string_1st_surrogate_but_2nd_missing": .acceptedUndecoded,
    "i_string_1st_valid_surrogate_2nd_invalid": .acceptedUndecoded,
    "i_string_incomplete_surrogate_and_escape_valid": .acceptedUndecoded,
    "i_string_incomplete_surrogate_pair": .acceptedUndecoded,
    "i_string_incomplete_surrogates_escape_valid": .acceptedUndecoded,
    "i_string_invalid_lonely_surrogate": .acceptedUndecoded,
    "i_string_invalid_surrogate": .acceptedUndecoded,
    "i_string_inverted_surrogates_U+1D11E": .acceptedUndecoded,
    "i_string_lone_second_surrogate": .acceptedUndecoded,
    "i_string_UTF-16LE_with_BOM": .refused,
    "i_string_UTF-8_invalid_sequence": .refused,
    "i_string_UTF8_surrogate_U+D800": .refused,
    "i_string_invalid_utf-8": .refused,
    "i_string_iso_latin_1": .refused,
    "i_string_lone_utf8_continuation_byte": .refused,
    "i_string_not_in_unicode_range": .refused,
    "i_string_overlong_sequence_2_bytes": .refused,
    "i_string_overlong_sequence_6_bytes": .refused,
    "i_string_overlong_sequence_6_bytes_null": .refused,
    "i_string_truncated-utf-8": .refused,
    "i_string_utf16BE_no_BOM": .refused,
    "i_string_utf16LE_no_BOM": .refused,
    "i_structure_500_nested_arrays": .refused,
    "i_structure_UTF-8_BOM_empty_object": .refused,
  ]

  private static func named(_ prefix: String) -> [String] { names.filter { $0.hasPrefix(prefix) } }

  @Test("the suite is whole")
  func isWhole() {
    #expect(Self.named("y_").count == 95)
    #expect(Self.named("n_").count == 188)
    #expect(Set(Self.named("i_").map { String($0.dropLast(5)) }) == Set(Self.decisions.keys))
  }

  @Test("what must be accepted is accepted, whole and decoded", arguments: named("y_"))
  func accepts(name: String) throws {
    let text = try Fixtures.bytes("\(Self.folder)/\(name)")
    try JSONReader.validate(text)
    let tree = try JSONTree(text)
    #expect(try JSONTree(tree.text) == tree)
  }

  @Test("what must be refused is refused, passed over or decoded", arguments: named("n_"))
  func refuses(name: String) throws {
    let text = try Fixtures.bytes("\(Self.folder)/\(name)")
    #expect(throws: JSONError.self) { try JSONReader.validate(text) }
    #expect(throws: JSONError.self) { try JSONTree(text) }
  }

  @Test("what is left to the parser is decided", arguments: named("i_"))
  func decides(name: String) throws {
    let text = try Fixtures.bytes("\(Self.folder)/\(name)")
    switch try #require(Self.decisions[String(name.dropLast(5))]) {
    case .accepted:
      try JSONReader.validate(text)
      _ = try JSONTree(text)
    case .acceptedUndecoded:
      try JSONReader.validate(text)
      let error = #expect(throws: JSONError.self) { try JSONTree(text) }
      #expect(error?.code == .loneSurrogate)
    case .refused:
      #expect(throws: JSONError.self) { try JSONReader.validate(text) }
      #expect(throws: JSONError.self) { try JSONTree(text) }
    }
  }
}
