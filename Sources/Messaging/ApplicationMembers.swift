import JSON

/// The members that an application puts beside `data`. They stand there in every frame of the event, so they may not bear
/// the names by which frames tell of an event. A name that is nearly one of an event's own is refused: with `usr` for `user`
/// an event for one user would go to everyone.
struct ApplicationMembers {
  private static let maximum = 32
  /// Names that frames have beside those that an event may have, and those of what one function asks of another.
  private static let reserved: Set<String> = [
    "id", "stream", "seq", "folded", "replay", "name", "version", "events", "cursor", "more", "missed",
    "event_id", "event_seq", "event_version", "event_name", "event_priority", "sendPending", "lag", "sweep", "greet",
  ]
  /// The optional members of an event, and what `group` may be taken to be called; a wrong `type` or `data` is missed.
  private static let own = [
    "key", "audience", "user", "userId", "group", "groupId", "timestamp", "priority", "correlationId", "idempotencyKey",
  ]

  private var members: [(name: String, value: [UInt8])] = []

  /// One JSON object; empty if there are none.
  var object: [UInt8] {
    guard !members.isEmpty else { return [] }
    var writer = JSONWriter()
    writer.object { writer in
      for member in members { writer.member(member.name, raw: member.value) }
    }
    return writer.bytes
  }

  mutating func read(_ name: String, from reader: inout JSONReader) throws {
    if let similar = Self.own.first(where: { Self.isNearly(name, $0) }) {
      throw EventRefusal(
        code: .unknownField,
        message:
          "'\(name.prefix(64))' is not known, but nearly '\(similar)'; an event has type, key, data, audience, user "
          + "(or userId), group, timestamp, priority, correlationId, idempotencyKey, and members of an application's own "
          + "with other names")
    }
    guard !Self.reserved.contains(name) else {
      throw EventRefusal(
        code: .unknownField, message: "'\(name)' is a member of frames: an application's own may not be called so")
    }
    guard Name.isGroup(name) else {
      throw EventRefusal(
        code: .invalidField,
        message: "the name of an application's own member is 1 to \(Limit.groupBytes) bytes \(Name.rule)")
    }
    guard members.count < Self.maximum else {
      throw EventRefusal(
        code: .invalidField, message: "an event has at most \(Self.maximum) members of an application's own")
    }
    members.append((name, Array(try reader.rawValue())))
  }

  /// Whether two names differ by case, by `_` or `-`, or by one letter that is missing, too many, another, or has changed
  /// places with its neighbour.
  private static func isNearly(_ name: String, _ known: String) -> Bool {
    guard name.utf8.count < known.utf8.count + 8 else { return false }
    return isOneEditAway(plain(name), plain(known))
  }

  private static func plain(_ name: String) -> [UInt8] {
    name.utf8.filter { $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: "-") }.map { $0 | 0x20 }
  }

  private static func isOneEditAway(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    let (short, long) = one.count <= other.count ? (one, other) : (other, one)
    guard long.count - short.count <= 1 else { return false }
    let start = zip(short, long).prefix { $0 == $1 }.count
    let (shortRest, longRest) = (short[start...], long[start...])
    if short.count < long.count { return shortRest.elementsEqual(longRest.dropFirst()) }
    let (left, right) = (shortRest.prefix(2), longRest.prefix(2))
    return shortRest.dropFirst().elementsEqual(longRest.dropFirst())
      || left.elementsEqual(right.reversed()) && shortRest.dropFirst(2).elementsEqual(longRest.dropFirst(2))
  }
}
