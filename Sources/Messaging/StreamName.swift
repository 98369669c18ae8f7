/// Streams by their names: `all/price:update`, `user/u-1`, `group/desk-7`.
package enum StreamName {
  /// Whom the events of a stream are for. Nil for what is no stream's name.
  package static func audience(of stream: String) -> Audience? {
    guard let slash = stream.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
    // By bytes: a name may begin with a combining mark, which makes one character with the slash.
    let name = String(Substring(stream.utf8[stream.utf8.index(after: slash)...]))
    switch String(Substring(stream.utf8[..<slash])) {
    case "all": return name.isEmpty ? nil : .everyone
    case "user": return name.isEmpty ? nil : .user(name)
    case "group": return name.isEmpty ? nil : .group(name)
    default: return nil
    }
  }

  package static func type(_ type: String) -> String { "all/\(type)" }
  package static func user(_ user: String) -> String { "user/\(user)" }
  package static func group(_ group: String) -> String { "group/\(group)" }

  /// What is announced to everyone.
  package static let announcements = type(Event.announcement)

  /// The type whose broadcasts the stream holds.
  package static func type(of stream: String) -> String? {
    stream.hasBytePrefix("all/") ? String(Substring(stream.utf8.dropFirst(4))) : nil
  }

  package static func isPersonal(stream: String) -> Bool { stream.hasBytePrefix("user/") }
}
