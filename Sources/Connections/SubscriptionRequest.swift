package import Frames
package import Messaging

/// Which events of a type a subscription is for.
package enum Selector: Equatable, Sendable {
  case all
  case key(String)
  /// Every key that begins so.
  case prefix(String)

  package static func == (left: Selector, right: Selector) -> Bool {
    switch (left, right) {
    case (.all, .all): true
    case (.key(let left), .key(let right)), (.prefix(let left), .prefix(let right)): left.hasSameBytes(as: right)
    default: false
    }
  }

  /// From the text in a `keys` list: a trailing `*` makes a prefix, `*` alone is all.
  package init(_ text: String) {
    if text == "*" {
      self = .all
    } else if text.utf8.last == UInt8(ascii: "*") {
      self = .prefix(String(text.dropLast()))
    } else {
      self = .key(text)
    }
  }
}

/// One subscription that is asked for.
package struct Subscription: Equatable, Sendable {
  package let type: String
  package let selector: Selector
  package let shownAs: String?

  package init(type: String, selector: Selector, shownAs: String? = nil) {
    self.type = type
    self.selector = selector
    self.shownAs = shownAs
  }
}

// What a request means by the table of event types.
extension SubscriptionRequest {
  /// What is wanted and allowed, each once, and what is refused; a refusal leaves the rest as it is.
  package func resolved(
    for principal: Principal, types: EventTypeTable
  ) -> (accepted: [Subscription], refused: [Refusal]) {
    resolved(for: principal.role, called: principal.unknownRole, types: types)
  }

  /// `unknown`: what a role that is none of these was called.
  package func resolved(
    for role: Role?, called unknown: String? = nil, types: EventTypeTable
  ) -> (accepted: [Subscription], refused: [Refusal]) {
    var accepted: [Subscription] = []
    var refused: [Refusal] = []
    var seen: Set<Topic> = []
    for name in names {
      switch Self.meanings(of: name, for: role, called: unknown, types: types) {
      case .failure(let refusal): refused.append(refusal)
      case .success(let meanings):
        for meaning in meanings {
          for selector in selectors(of: meaning)
          where seen.insert(Self.checkpoint(meaning.type, selector: selector)).inserted {
            accepted.append(Subscription(type: meaning.type, selector: selector, shownAs: meaning.shownAs))
          }
        }
      }
    }
    for key in keys where !Name.isKey(key) {
      accepted.removeAll { $0.selector == Selector(key) }
      refused.append(
        Refusal(
          name: String(key.prefix(32)), code: .invalidName,
          message: "a key is 1 to \(Limit.keyBytes) bytes \(Name.rule)"))
    }
    return (accepted, refused)
  }

  /// What an unsubscribe with these words takes away: without keys a type with all its keys, and a pattern also matches
  /// the types the connection is subscribed to that no table knows.
  package func removals(types: EventTypeTable) -> [SubscriptionChange.Removal] {
    names.flatMap { name -> [SubscriptionChange.Removal] in
      if keys.isEmpty, name.utf8.last == UInt8(ascii: "*"), types.meaning(of: name).key == nil {
        let prefix = String(name.dropLast())
        return [.types(prefix: prefix, known: types.names(beginning: prefix))]
      }
      let isPattern = name.utf8.last == UInt8(ascii: "*")
      let meanings = types.meanings(of: name)
      return (isPattern && meanings.isEmpty ? [types.meaning(of: name)] : meanings).flatMap { meaning in
        if keys.isEmpty, meaning.key == nil { return [SubscriptionChange.Removal.type(meaning.type)] }
        return selectors(of: meaning).map { .selector(type: meaning.type, $0) }
      }
    }
  }

  private func selectors(of meaning: EventTypeTable.Meaning) -> [Selector] {
    if let key = meaning.key { return [Selector(key)] }
    return keys.isEmpty ? [.all] : keys.map(Selector.init)
  }

  private static func meanings(
    of name: String, for role: Role?, called unknown: String?, types: EventTypeTable
  ) -> Result<[EventTypeTable.Meaning], Refusal> {
    let isPattern = name.utf8.last == UInt8(ascii: "*")
    let meanings = types.meanings(of: name)
    // `stream:news:AA*` is a type with a prefix of keys, not a pattern of types.
    if isPattern, meanings.isEmpty {
      let keyed = types.meaning(of: name)
      return keyed.key == nil
        ? .failure(Refusal(name: name, code: .unknownType, message: "no known type begins so"))
        : allowed([keyed], name: name, role: role, called: unknown, types: types)
    }
    if !isPattern, !meanings.allSatisfy({ Name.isType($0.type) && $0.key.map(Name.isKey) ?? true }) {
      let rule = "a type is 1 to \(Limit.typeBytes) bytes \(Name.rule) and '*' (but at its end)"
      return .failure(Refusal(name: String(name.prefix(32)), code: .invalidName, message: rule))
    }
    if ControlType.isReserved(name) {
      return .failure(Refusal(name: name, code: .invalidName, message: "frames of the protocol bear that name"))
    }
    return allowed(meanings, name: name, role: role, called: unknown, types: types)
  }

  private static func allowed(
    _ meanings: [EventTypeTable.Meaning], name: String, role: Role?, called unknown: String?, types: EventTypeTable
  ) -> Result<[EventTypeTable.Meaning], Refusal> {
    let visible = meanings.filter { types.mayBeAskedFor($0.type, by: role) }
    guard visible.isEmpty else { return .success(visible) }
    let reason =
      role.map { "the role '\($0.rawValue)' may not see it" }
      ?? "the role '\(unknown ?? "")' is not known and sees no broadcast; there are \(Role.names)"
    return .failure(Refusal(name: name, code: .notAllowed, message: reason))
  }

  /// A selector of a type as a value that can stand in a set.
  private static func checkpoint(_ type: String, selector: Selector) -> Topic {
    switch selector {
    case .all: .type(type)
    case .key(let key): .key(type: type, key: "=" + key)
    case .prefix(let prefix): .key(type: type, key: "*" + prefix)
    }
  }
}
