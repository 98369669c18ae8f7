package import Messaging

/// The known event types: their names and who may see them when they are broadcast. Data; the code below reads it.
///
/// A type that is not in it is its own canonical name and may be seen by admins only. Events to one person or one group go
/// to their own connections whatever the role, so the roles say nothing of those.
package enum EventTypes {
  struct Known: Sendable {
    let name: String
    var otherNames: [String] = []
    /// Beside admin, who sees everything.
    var roles: [Role] = []
  }

  static let known: [Known] = [
    Known(name: "signal", otherNames: ["signal.created"], roles: [.analyst, .approver, .viewer]),
    Known(
      name: "proposal", otherNames: ["proposal.created", "proposal.updated"], roles: [.analyst, .approver, .viewer]),
    Known(name: "decision", roles: [.analyst, .approver]),
    Known(name: "outcome", otherNames: ["eval.completed"], roles: [.approver]),
    Known(name: "risk", otherNames: ["risk_alert", "risk.alert"], roles: [.approver]),
    Known(name: "system", otherNames: ["system_status"]),
    // Trading.
    Known(name: "order:update"), Known(name: "order:fill"), Known(name: "position:update"), Known(name: "trade:new"),
    Known(name: "price:update"), Known(name: "ai:decision"), Known(name: "agent:status"),
    Known(name: "strategy:update"), Known(name: "alert:new"),
    // Credit and portfolio.
    Known(name: "credit_updates"), Known(name: "credit_analysis"), Known(name: "risk_score_update"),
    Known(name: "calculation_progress"), Known(name: "portfolio_update"), Known(name: "market_alert"),
    // Data vendors; the key, a symbol, may be written as a third part: `stream:news:AAPL`.
    Known(name: "stream:market_data"), Known(name: "stream:news"), Known(name: "stream:fundamentals"),
    Known(name: "stream:analytics"), Known(name: "stream:insider_data"),
  ]

  /// Names that stand for several types in a subscription.
  private static func bundle(_ name: String) -> [String]? {
    switch name {
    case "credit_updates": ["credit_updates", "credit_analysis", "risk_score_update"]
    default: nil
    }
  }

  /// What a name means: the canonical type, and the key where the name holds one.
  package struct Meaning: Equatable, Sendable {
    package let type: String
    package let key: String?
    /// The name that was used, where it is another than the canonical one: a client sees the name it asked by.
    package let shownAs: String?
  }

  package static func meaning(of name: String) -> Meaning {
    for type in known {
      if type.name == name { return Meaning(type: name, key: nil, shownAs: nil) }
      if type.otherNames.contains(name) { return Meaning(type: type.name, key: nil, shownAs: name) }
    }
    if let (type, key) = streamParts(of: name) { return Meaning(type: type, key: key, shownAs: nil) }
    return Meaning(type: name, key: nil, shownAs: nil)
  }

  /// Everything a name in a subscription stands for: a name, a bundle, or with a trailing `*` the known types whose name,
  /// or another of whose names, begins so. Empty if no known type does.
  package static func meanings(of name: String) -> [Meaning] {
    guard name.utf8.last == UInt8(ascii: "*") else { return (bundle(name) ?? [name]).map(meaning) }
    let prefix = String(name.dropLast())
    return known.compactMap { type in
      if type.name.hasBytePrefix(prefix) { return Meaning(type: type.name, key: nil, shownAs: nil) }
      let other = type.otherNames.first { $0.hasBytePrefix(prefix) }
      return other.map { Meaning(type: type.name, key: nil, shownAs: $0) }
    }
  }

  package static func mayBeSeen(_ type: String, by role: Role?) -> Bool {
    guard let role else { return false }
    return role == .admin || known.contains { $0.name == type && $0.roles.contains(role) }
  }

  /// `stream:market_data:AAPL` is the key `AAPL` of the type `stream:market_data`.
  private static func streamParts(of name: String) -> (type: String, key: String)? {
    let colon = UInt8(ascii: ":")
    guard name.hasPrefix("stream:"),
      let second = name.utf8.dropFirst("stream:".utf8.count).firstIndex(of: colon)
    else { return nil }
    let key = name.utf8[name.utf8.index(after: second)...]
    return key.isEmpty ? nil : (String(name[..<second]), String(Substring(key)))
  }
}
