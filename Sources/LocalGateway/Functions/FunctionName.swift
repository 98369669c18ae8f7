/// How a caller of Lambda names a function: `name`, `name:alias`, `123456789012:function:name` or the whole ARN, each
/// with or without a version or an alias at its end.
struct FunctionName: Equatable {
  let name: String
  let qualifier: String?

  /// Nil if it is none of these.
  init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    // arn:aws:lambda:region:account:function:name, of which the front may be missing.
    let function = parts.firstIndex(of: "function").flatMap { $0 == 1 || $0 == 5 ? $0 : nil }
    let own = parts[(function.map { $0 + 1 } ?? 0)...]
    guard let name = own.first, own.count <= 2, own.allSatisfy(Self.isValid) else { return nil }
    self.name = name
    qualifier = own.count == 2 ? own.last : nil
  }

  /// Letters, digits, hyphens and underscores, and the `$` of `$LATEST`.
  static func isValid(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 140 && text.utf8.allSatisfy(isValid)
  }

  private static func isValid(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "$"):
      true
    default: false
    }
  }
}
