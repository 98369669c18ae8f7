/// Header fields, of which some may come several times, in their order.
public struct HTTPFields: Sendable {
  /// Name and value of each.
  public private(set) var pairs: [(name: String, value: String)]

  /// The fields in that order.
  public init(_ pairs: [(name: String, value: String)] = []) { self.pairs = pairs }

  /// The value of the first of that name, in any case of its letters; nil if there is none.
  public subscript(_ name: String) -> String? { pairs.first { Self.isSame($0.name, as: name) }?.value }

  /// The values of all of that name, in any case of its letters, in their order.
  public func values(_ name: String) -> [String] {
    pairs.compactMap { Self.isSame($0.name, as: name) ? $0.value : nil }
  }

  /// Adds a field behind the others.
  public mutating func append(_ name: String, value: String) { pairs.append((name, value)) }

  /// Names are compared byte by byte, ASCII letters without regard to case (RFC 9110 section 5.1).
  static func isSame(_ left: String, as right: String) -> Bool {
    left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lowered($0) == lowered($1) }
  }

  private static func lowered(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}
