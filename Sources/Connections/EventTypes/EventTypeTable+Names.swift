package import Frames
import Messaging

// What a name means: one type, several, or a key of one.
extension EventTypeTable {
  /// What a name means: the canonical type, and the key where the name holds one.
  package struct Meaning: Equatable, Sendable {
    package let type: String
    package let key: String?
    /// The name that was used, where it is another than the canonical one: a client sees the name it asked by.
    package let shownAs: String?
  }

  package func meaning(of name: String) -> Meaning {
    if isKnown(name) { return Meaning(type: name, key: nil, shownAs: nil) }
    if let type = type(spelt: name) { return Meaning(type: type.name, key: nil, shownAs: name) }
    for prefix in keyedPrefixes where name.hasBytePrefix(prefix) {
      if let meaning = Self.keyed(name, prefix: prefix) { return meaning }
    }
    return Meaning(type: name, key: nil, shownAs: nil)
  }

  /// `stream:market_data:AAPL` is the key `AAPL` of the type `stream:market_data`.
  private static func keyed(_ name: String, prefix: String) -> Meaning? {
    let rest = name.utf8.dropFirst(prefix.utf8.count)
    guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let key = name.utf8[name.utf8.index(after: colon)...]
    guard !key.isEmpty else { return nil }
    return Meaning(type: String(name[..<colon]), key: String(Substring(key)), shownAs: nil)
  }

  /// Everything a name in a subscription stands for: a type with the family's other types, a bundle, or with a trailing
  /// `*` the known types whose name, or another of whose names, begins so. Empty if no known type does.
  package func meanings(of name: String) -> [Meaning] {
    guard name.utf8.last == UInt8(ascii: "*") else {
      return bundle(named: name).map { $0.types.flatMap(family) } ?? family(name)
    }
    let prefix = String(name.dropLast())
    return known.compactMap { type in
      if type.name.hasBytePrefix(prefix) { return Meaning(type: type.name, key: nil, shownAs: nil) }
      let other = type.otherNames.first { $0.hasBytePrefix(prefix) }
      return other.map { Meaning(type: type.name, key: nil, shownAs: $0) }
    }
  }

  /// What a name means, and the types whose family that is: these are shown under the name, too.
  private func family(_ name: String) -> [Meaning] {
    let meaning = meaning(of: name)
    guard meaning.key == nil else { return [meaning] }
    let members = known.filter { $0.family?.hasSameBytes(as: meaning.type) ?? false }
    return [meaning] + members.map { Meaning(type: $0.name, key: nil, shownAs: name) }
  }

  /// The known types whose canonical name begins so.
  package func names(beginning prefix: String) -> [String] { known.map(\.name).filter { $0.hasBytePrefix(prefix) } }

  /// How an event of a type is written for a client that knows it by a name: where that is its family's, the frame says the
  /// type's own name too.
  package func style(of type: String, shownAs: String) -> EventStyle {
    guard let known = self.type(named: type) else { return EventStyle() }
    let isOwn = ([known.name] + known.otherNames).contains { shownAs.hasSameBytes(as: $0) }
    return EventStyle(name: isOwn ? nil : known.name, nestsData: known.nestsData)
  }
}
