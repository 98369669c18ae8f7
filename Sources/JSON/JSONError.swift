/// Why a text was refused as JSON (RFC 8259), and where.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  package enum Code: Equatable, Sendable {
    /// The text ended inside a value.
    case unexpectedEnd
    /// A byte stands where the grammar allows something else; the text names what is allowed there.
    case unexpectedByte(UInt8, expected: String)
    case invalidNumber
    case invalidEscape
    /// A control character (below U+0020) stands unescaped inside a string.
    case controlCharacter
    case invalidUTF8
    /// `\uD800` to `\uDFFF` without its partner. Only decoding refuses it: as raw bytes it is valid JSON.
    case loneSurrogate
    case tooDeep(maximumDepth: Int)
    /// Another value was asked for than the one that stands here.
    case wrongKind(expected: String, found: JSONKind)
    case numberOutOfRange
    /// Something other than white space follows the value.
    case trailingBytes
  }

  package let code: Code
  /// Bytes from the start of the text to the place of the fault.
  package let offset: Int

  package init(_ code: Code, offset: Int) {
    self.code = code
    self.offset = offset
  }

  package var description: String { "\(reason) at byte \(offset)" }

  private var reason: String {
    switch code {
    case .unexpectedEnd: "the JSON text ends too early"
    case .unexpectedByte(let byte, let expected): "unexpected \(Self.name(of: byte)), expected \(expected)"
    case .invalidNumber: "invalid number"
    case .invalidEscape: "invalid escape in a string"
    case .controlCharacter: "unescaped control character in a string"
    case .invalidUTF8: "invalid UTF-8"
    case .loneSurrogate: "surrogate without its partner"
    case .tooDeep(let maximum): "nested deeper than \(maximum) levels"
    case .wrongKind(let expected, let found): "expected \(expected), found \(found.rawValue)"
    case .numberOutOfRange: "number out of range"
    case .trailingBytes: "something follows the JSON value"
    }
  }

  private static func name(of byte: UInt8) -> String {
    (0x21...0x7E).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
  }
}

/// What kind of value stands at a place, told from its first byte.
package enum JSONKind: String, Sendable {
  case object = "an object"
  case array = "an array"
  case string = "a string"
  case number = "a number"
  case boolean = "true or false"
  case null
}
