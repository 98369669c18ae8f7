import JSON

// An entry is [type, selector, shownAs or null, count or null, milliseconds, messageID, 1 or 0]; the selector is `*`,
// `=key` or `^prefix`; a removed whole type is an entry with the selector `!`.
extension Subscriptions {
  func encoded() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 64 * (entries.count + floors.count) + 2)
    writer.array { writer in
      for entry in entries {
        Self.write(
          entry.type, selector: entry.selector.text, shownAs: entry.shownAs, order: entry.order,
          isActive: entry.isActive, to: &writer)
      }
      for floor in floors {
        Self.write(floor.type, selector: "!", shownAs: nil, order: floor.order, isActive: false, to: &writer)
      }
    }
    return writer.bytes
  }

  private static func write(
    _ type: String, selector: String, shownAs: String?, order: Order, isActive: Bool, to writer: inout JSONWriter
  ) {
    writer.array { writer in
      writer.string(type)
      writer.string(selector)
      if let shownAs { writer.string(shownAs) } else { writer.null() }
      if let count = order.count { writer.integer(count) } else { writer.null() }
      writer.integer(order.milliseconds)
      writer.string(order.messageID)
      writer.integer(isActive ? 1 : 0)
    }
  }

  /// Nil if the bytes are not what `encoded()` writes.
  init?(decoding bytes: [UInt8]) {
    self.init()
    var reader = JSONReader(bytes)
    do {
      try reader.beginArray()
      while try reader.nextElement() {
        guard try readEntry(from: &reader) else { return nil }
      }
      try reader.end()
    } catch {
      return nil
    }
  }

  private mutating func readEntry(from reader: inout JSONReader) throws(JSONError) -> Bool {
    try reader.beginArray()
    guard try reader.nextElement() else { return false }
    let type = try reader.string()
    guard try reader.nextElement() else { return false }
    let selector = try reader.string()
    guard try reader.nextElement() else { return false }
    let shownAs = try reader.null() ? nil : reader.string()
    guard try reader.nextElement() else { return false }
    let count = try reader.null() ? nil : reader.integer()
    guard try reader.nextElement() else { return false }
    let milliseconds = try reader.integer()
    guard try reader.nextElement() else { return false }
    let order = Order(count: count, milliseconds: milliseconds, messageID: try reader.string())
    guard try reader.nextElement() else { return false }
    let isActive = try reader.integer() == 1
    guard try !reader.nextElement() else { return false }
    return append(type, selector: selector, shownAs: shownAs, order: order, isActive: isActive)
  }

  private mutating func append(
    _ type: String, selector: String, shownAs: String?, order: Order, isActive: Bool
  ) -> Bool {
    if selector == "!" {
      floors.append(Floor(type: type, order: order))
      return true
    }
    guard let selector = Selector(stored: selector) else { return false }
    entries.append(Entry(type: type, selector: selector, shownAs: shownAs, order: order, isActive: isActive))
    return true
  }
}

extension Selector {
  fileprivate var text: String {
    switch self {
    case .all: "*"
    case .key(let key): "=\(key)"
    case .prefix(let prefix): "^\(prefix)"
    }
  }

  fileprivate init?(stored text: String) {
    // By bytes: a combining mark at the start of a key would make one character with the sign before it.
    let rest = String(Substring(text.utf8.dropFirst()))
    switch text.utf8.first {
    case UInt8(ascii: "*"): self = .all
    case UInt8(ascii: "="): self = .key(rest)
    case UInt8(ascii: "^"): self = .prefix(rest)
    default: return nil
    }
  }
}
