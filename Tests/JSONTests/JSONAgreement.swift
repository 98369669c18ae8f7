import JSON

/// What must hold of any bytes whatever, given to the reader. The property tests, the kept failures and the fuzzer
/// check the same.
enum JSONAgreement {
  /// Nil if all holds, else what does not.
  static func violation(of text: [UInt8]) -> String? {
    let refusal = refusal(of: text)
    let tree = Result { () throws(JSONError) in try JSONTree(text) }
    if let fault = inconsistency(refusal: refusal, tree: tree, text: text) { return fault }
    return disagreement(refusal: refusal, tree: try? tree.get(), text: text)
  }

  private static func refusal(of text: [UInt8]) -> JSONError? {
    do throws(JSONError) {
      try JSONReader.validate(text)
      return nil
    } catch {
      return error
    }
  }

  /// Passing a text over and reading it piece by piece must end alike, and what was read must survive the writer.
  private static func inconsistency(
    refusal: JSONError?, tree: Result<JSONTree, JSONError>, text: [UInt8]
  ) -> String? {
    switch (refusal, tree) {
    case (nil, .success(let tree)):
      if (try? JSONTree(tree.text)) != tree { return "written and read again, it is another value" }
      return rawValueFault(text)
    case (nil, .failure(let error)):
      return error.code == .loneSurrogate ? nil : "passed over, but not read: \(error)"
    case (let refusal?, .success): return "read, but not passed over: \(refusal)"
    case (let refusal?, .failure(let error)):
      if !(0...text.count).contains(refusal.offset) { return "an offset outside the text: \(refusal)" }
      if error.code == .loneSurrogate { return nil }
      return error == refusal ? nil : "refused for two reasons: \(refusal); \(error)"
    }
  }

  private static func rawValueFault(_ text: [UInt8]) -> String? {
    var reader = JSONReader(text)
    guard let raw = try? reader.rawValue(), let first = raw.first, let last = raw.last else { return "no raw value" }
    let spaces: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    if spaces.contains(first) || spaces.contains(last) { return "white space in the raw value" }
    let around = text[..<raw.startIndex] + text[raw.endIndex...]
    return around.allSatisfy(spaces.contains) ? nil : "a raw value that is not the whole text"
  }

  /// FoundationEssentials' decoder must read the same value, or refuse as well. Where it is known to differ nothing is
  /// compared: it guesses UTF-16 and UTF-32, passes a byte order mark and a comma before a closing bracket, goes
  /// deeper, refuses `0e1` and numbers too large or too small for a Double, keeps one of two members of one key, and
  /// does not look inside the strings and numbers of the other.
  private static func disagreement(refusal: JSONError?, tree: JSONTree?, text: [UInt8]) -> String? {
    if text.prefix(4).contains(0) || (text.first ?? 0) >= 0x80 { return nil }
    let oracle = try? JSONOracle.read(text)
    if let refusal {
      return oracle == nil || isKnownLeniency(refusal, text) ? nil : "refused (\(refusal)), but Foundation reads it"
    }
    guard let tree, tree.isComparable else { return nil }
    guard let oracle else { return "accepted, but Foundation refuses it" }
    return oracle == JSONOracle(tree) ? nil : "Foundation reads another value"
  }

  private static func isKnownLeniency(_ refusal: JSONError, _ text: [UInt8]) -> Bool {
    switch refusal.code {
    case .tooDeep, .controlCharacter, .invalidEscape, .invalidNumber: true
    // The standard library knows better than the decoder, which may not have looked.
    case .invalidUTF8: String(validating: text, as: UTF8.self) == nil
    case .unexpectedByte(UInt8(ascii: "]"), _), .unexpectedByte(UInt8(ascii: "}"), _):
      text[..<refusal.offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ",")
    case .unexpectedByte(let byte, _): "+-.eE".utf8.contains(byte)
    default: false
    }
  }
}

extension JSONTree {
  /// Every number is one that Foundation reads, and no object has a key twice.
  fileprivate var isComparable: Bool {
    switch self {
    case .object(let members):
      Set(members.map(\.key)).count == members.count && members.allSatisfy(\.value.isComparable)
    case .array(let elements): elements.allSatisfy(\.isComparable)
    case .number(let digits): Self.isReadByFoundation(String(decoding: digits, as: UTF8.self))
    case .string, .boolean, .null: true
    }
  }

  /// Not a zero with an exponent, and nothing too large or too small for a Double.
  private static func isReadByFoundation(_ number: String) -> Bool {
    guard let value = Double(number) else { return false }
    return value.isNormal || number.allSatisfy { "-0.".contains($0) }
  }
}
