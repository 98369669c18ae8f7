import JSON

/// An API's route selection expression: `$request.body.action`, or text with `${request.body.…}` in it.
struct RouteSelection {
  private enum Part {
    case literal(String)
    case body(path: [String])
  }

  private let parts: [Part]

  /// Throws if the expression has another form.
  init(_ expression: String) throws(RouteSelectionError) {
    if let path = Self.bodyPath(expression, prefix: "$request.body.") {
      parts = [.body(path: path)]
    } else {
      parts = try Self.template(expression)
    }
  }

  /// The route key that a message's body selects; nil if the body is not JSON. A path that leads nowhere gives an empty
  /// text, numbers, arrays and objects are taken as they are written.
  func key(for body: [UInt8]) -> String? {
    var key = ""
    for part in parts {
      switch part {
      case .literal(let text): key += text
      case .body(let path):
        do {
          var reader = JSONReader(body)
          let value = try Self.value(at: path[...], reader: &reader)
          try reader.end()
          key += value ?? ""
        } catch {
          return nil
        }
      }
    }
    return key
  }

  private static func value(at path: ArraySlice<String>, reader: inout JSONReader) throws(JSONError) -> String? {
    guard let first = path.first else {
      if try reader.peek() == .string { return try reader.string() }
      return String(decoding: try reader.rawValue(), as: UTF8.self)
    }
    guard try reader.peek() == .object else {
      try reader.skip()
      return nil
    }
    var found: String?
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if key == first { found = try value(at: path.dropFirst(), reader: &reader) } else { try reader.skip() }
    }
    return found
  }

  // MARK: Reading the expression

  private static func template(_ expression: String) throws(RouteSelectionError) -> [Part] {
    var parts: [Part] = []
    var literal = ""
    var rest = expression[...]
    while let character = rest.popFirst() {
      if character == "\\", let escaped = rest.popFirst() {
        literal.append(escaped)
      } else if character == "$" {
        guard rest.popFirst() == "{", let brace = rest.firstIndex(of: "}"),
          let path = bodyPath(String(rest[..<brace]), prefix: "request.body.")
        else { throw RouteSelectionError(expression: expression) }
        parts += [.literal(literal), .body(path: path)]
        literal = ""
        rest = rest[rest.index(after: brace)...]
      } else {
        literal.append(character)
      }
    }
    return parts + [.literal(literal)]
  }

  private static func bodyPath(_ text: String, prefix: String) -> [String]? {
    guard text.hasPrefix(prefix) else { return nil }
    let path = text.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    return path.allSatisfy { !$0.isEmpty && !$0.contains("$") && !$0.contains("/") } ? path : nil
  }
}

struct RouteSelectionError: Error, CustomStringConvertible {
  let expression: String

  var description: String {
    "route selection expression \(expression) is not understood; for example $request.body.action"
  }
}
