import ConnectionStore
import JSON

/// An expression of DynamoDB with the names and values it stands on, each under a placeholder, since any word may be
/// reserved.
struct Expression {
  private var names: [(name: String, placeholder: String)] = []
  private var values: [(placeholder: String, value: Value)] = []

  /// Seconds since the epoch; an item whose `expires` is not after it counts as absent.
  private let now: Int64

  init(now: Int64) { self.now = now }

  private mutating func name(_ name: String) -> String {
    if let known = names.first(where: { $0.name == name }) { return known.placeholder }
    names.append((name, "#\(names.count)"))
    return names[names.count - 1].placeholder
  }

  mutating func value(_ value: Value) -> String {
    if let known = values.first(where: { $0.value == value }) { return known.placeholder }
    values.append((":\(values.count)", value))
    return values[values.count - 1].placeholder
  }

  // MARK: Conditions

  /// The condition as text; nil: nothing is asked.
  mutating func condition(_ condition: Condition) -> String? {
    if case .always = condition { return nil }
    return text(condition)
  }

  /// As `condition`, and the item must be there, unexpired.
  mutating func condition(ofLive condition: Condition) -> String {
    if case .always = condition { return live() }
    return "\(live()) AND \(text(condition))"
  }

  private mutating func text(_ condition: Condition) -> String {
    switch condition {
    case .always: return "(attribute_exists(\(name("pk"))) OR attribute_not_exists(\(name("pk"))))"
    case .absent: return absent()
    case .exists: return live()
    case .equals(let attribute, let value): return "(\(live()) AND \(name(attribute)) = \(self.value(value)))"
    case .less(let attribute, let value): return "(\(live()) AND \(name(attribute)) < \(self.value(value)))"
    case .greater(let attribute, let value): return "(\(live()) AND \(name(attribute)) > \(self.value(value)))"
    case .lacks(let attribute): return "(attribute_not_exists(\(name(attribute))) OR \(absent()))"
    case .all(let parts): return joined(parts, separator: " AND ") ?? text(.always)
    case .any(let parts): return joined(parts, separator: " OR ") ?? "(\(live()) AND \(absent()))"
    }
  }

  private mutating func joined(_ parts: [Condition], separator: String) -> String? {
    if parts.isEmpty { return nil }
    var texts: [String] = []
    for part in parts { texts.append(text(part)) }
    // DynamoDB refuses redundant parentheses.
    return texts.count == 1 ? texts[0] : "(\(texts.joined(separator: separator)))"
  }

  mutating func live() -> String {
    "(attribute_exists(\(name("pk"))) AND \(unexpired()))"
  }

  mutating func unexpired() -> String {
    let expires = name("expires")
    return "(attribute_not_exists(\(expires)) OR \(expires) > \(value(.number(now))))"
  }

  private mutating func absent() -> String {
    "(attribute_not_exists(\(name("pk"))) OR \(name("expires")) <= \(value(.number(now))))"
  }

  // MARK: Updates

  /// The change of an item that is there. Nil: nothing changes.
  mutating func update(_ change: Change) -> String? {
    var sets = change.set.keys.sorted().map { attribute in (attribute, change.set[attribute]!) }
    var removals = change.remove.sorted()
    switch change.expires {
    case .keep: break
    case .at(let time): sets.append(("expires", .number(time)))
    case .never: removals.append("expires")
    }
    var clauses: [String] = []
    if !sets.isEmpty {
      clauses.append(
        "SET " + list(sets) { expression, set in "\(expression.name(set.0)) = \(expression.value(set.1))" })
    }
    if !removals.isEmpty { clauses.append("REMOVE " + list(removals) { expression, name in expression.name(name) }) }
    let additions = change.add.sorted { $0.key < $1.key }
    if !additions.isEmpty {
      clauses.append(
        "ADD "
          + list(additions) { expression, add in "\(expression.name(add.key)) \(expression.value(.number(add.value)))" }
      )
    }
    return clauses.isEmpty ? nil : clauses.joined(separator: " ")
  }

  /// That no sum leaves 64 bits: DynamoDB's own numbers go further.
  mutating func boundsOfSums(_ change: Change) -> String? {
    guard !change.add.isEmpty else { return nil }
    var texts: [String] = []
    for (attribute, amount) in change.add.sorted(by: { $0.key < $1.key }) {
      let name = name(attribute)
      let bound =
        amount >= 0 ? "\(name) <= \(value(.number(.max - amount)))" : "\(name) >= \(value(.number(.min - amount)))"
      texts.append("(attribute_not_exists(\(name)) OR \(bound))")
    }
    return texts.joined(separator: " AND ")
  }

  private mutating func list<Element>(
    _ elements: [Element], _ text: (inout Expression, Element) -> String
  ) -> String {
    var texts: [String] = []
    for element in elements { texts.append(text(&self, element)) }
    return texts.joined(separator: ", ")
  }

  // MARK: Keys

  mutating func keyCondition(_ query: Query) -> String {
    let partition = "\(name("pk")) = \(value(.string(query.partition)))"
    let sort = name("sk")
    switch query.sort {
    case .all, .prefix(""), .between(nil, nil):
      names.removeAll { $0.placeholder == sort }
      return partition
    case .prefix(let prefix): return "\(partition) AND begins_with(\(sort), \(value(.string(prefix))))"
    case .between(let from?, let to?):
      return "\(partition) AND \(sort) BETWEEN \(value(.string(from))) AND \(value(.string(to)))"
    case .between(let from?, nil): return "\(partition) AND \(sort) >= \(value(.string(from)))"
    case .between(nil, let to?): return "\(partition) AND \(sort) <= \(value(.string(to)))"
    }
  }

  // MARK: Writing

  /// The members that name what the placeholders stand for.
  func write(to writer: inout JSONWriter) {
    if !names.isEmpty {
      writer.key("ExpressionAttributeNames")
      writer.object { writer in
        for (name, placeholder) in names { writer.member(placeholder, name) }
      }
    }
    if !values.isEmpty {
      writer.key("ExpressionAttributeValues")
      writer.object { writer in
        for (placeholder, value) in values { writer.member(placeholder, value: value) }
      }
    }
  }
}
