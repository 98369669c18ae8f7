import ConnectionStore
import JSON
import Messaging

// Items as DynamoDB writes them: `{"pk":{"S":"c#1"},"sk":{"S":"c"},"n":{"N":"7"},"expires":{"N":"1800000000"}}`.

extension JSONWriter {
  mutating func member(_ name: String, value: Value) {
    key(name)
    self.value(value)
  }

  mutating func value(_ value: Value) {
    object { writer in
      switch value {
      case .string(let text): writer.member("S", text)
      case .number(let number): writer.member("N", String(number))
      case .bytes(let bytes): writer.member("B", Base64.encode(bytes))
      }
    }
  }

  mutating func member(_ name: String, itemKey: ItemKey) {
    key(name)
    object { $0.members(itemKey) }
  }

  /// An element of an array.
  mutating func element(itemKey: ItemKey) { object { $0.members(itemKey) } }

  private mutating func members(_ itemKey: ItemKey) {
    member("pk", value: .string(itemKey.partition))
    member("sk", value: .string(itemKey.sort))
  }

  mutating func member(_ name: String, item: Item) {
    key(name)
    object { writer in
      writer.members(item.key)
      // In an order of their own, so that the same write is the same bytes.
      for attribute in item.attributes.keys.sorted() { writer.member(attribute, value: item.attributes[attribute]!) }
      if let expires = item.expires { writer.member("expires", value: .number(expires)) }
    }
  }
}

extension JSONReader {
  /// An item; attributes of kinds that this project does not write are refused as corrupt by the caller.
  mutating func item() throws(JSONError) -> Item? {
    var partition: String?
    var sort: String?
    var expires: Int64?
    var attributes: [String: Value] = [:]
    try beginObject()
    while let name = try nextKey() {
      guard let value = try attributeValue() else { return nil }
      switch (name, value) {
      case ("pk", .string(let text)): partition = text
      case ("sk", .string(let text)): sort = text
      case ("expires", .number(let number)): expires = number
      default: attributes[name] = value
      }
    }
    guard let partition, let sort else { return nil }
    return Item(key: ItemKey(partition: partition, sort: sort), attributes: attributes, expires: expires)
  }

  private mutating func attributeValue() throws(JSONError) -> Value? {
    var value: Value?
    try beginObject()
    while let kind = try nextKey() {
      switch kind {
      case "S": value = .string(try string())
      case "N": value = Int64(try string()).map(Value.number)
      case "B": value = Base64.decode(try string().utf8).map(Value.bytes)
      default: try skip()
      }
    }
    return value
  }
}
