import FoundationEssentials
import JSON

/// A JSON text as FoundationEssentials' decoder reads it: another parser, to compare ours with.
indirect enum JSONOracle: Decodable, Equatable {
  case object([String: JSONOracle])
  case array([JSONOracle])
  case string(String)
  case number(Double)
  case boolean(Bool)
  case null

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: Key.self) {
      var members: [String: JSONOracle] = [:]
      for key in object.allKeys { members[key.stringValue] = try object.decode(JSONOracle.self, forKey: key) }
      self = .object(members)
    } else if var array = try? decoder.unkeyedContainer() {
      var elements: [JSONOracle] = []
      while !array.isAtEnd { elements.append(try array.decode(JSONOracle.self)) }
      self = .array(elements)
    } else {
      self = try Self.scalar(try decoder.singleValueContainer())
    }
  }

  private static func scalar(_ container: any SingleValueDecodingContainer) throws -> JSONOracle {
    if container.decodeNil() { return .null }
    if let boolean = try? container.decode(Bool.self) { return .boolean(boolean) }
    if let text = try? container.decode(String.self) { return .string(text) }
    return .number(try container.decode(Double.self))
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  static func read(_ text: [UInt8]) throws -> JSONOracle {
    try JSONDecoder().decode(JSONOracle.self, from: Data(text))
  }

  /// The same of a tree of ours.
  init(_ tree: JSONTree) {
    switch tree {
    case .object(let members):
      self = .object(
        Dictionary(members.map { ($0.key, JSONOracle($0.value)) }, uniquingKeysWith: { first, _ in first }))
    case .array(let elements): self = .array(elements.map { JSONOracle($0) })
    case .string(let text): self = .string(text)
    case .number(let digits): self = .number(Double(String(decoding: digits, as: UTF8.self)) ?? .nan)
    case .boolean(let value): self = .boolean(value)
    case .null: self = .null
    }
  }
}
