import Messaging

/// Where a request of the management API points: `/{stage}/@connections/{id}`, read from the target's bytes since one
/// event to 5,000 clients is 5,000 of these.
enum ManagementTarget: Equatable {
  case connection(ConnectionKey)
  /// An id of the form that API Gateway makes, but none of this gateway's: the connection that had it is gone.
  case otherConnection
  case malformedID
  case otherStage

  /// Nil if the target is not one of the management API's.
  init?(_ target: String.UTF8View, stage: String) {
    let path = target.prefix { $0 != UInt8(ascii: "?") }
    guard path.first == UInt8(ascii: "/"), let slash = path.dropFirst().firstIndex(of: UInt8(ascii: "/")) else {
      return nil
    }
    guard let id = Self.afterName(path[path.index(after: slash)...]) else { return nil }
    guard path[..<slash].dropFirst().elementsEqual(stage.utf8) else {
      self = .otherStage
      return
    }
    self = Self.read(id: id)
  }

  private static func afterName(_ rest: Substring.UTF8View) -> Substring.UTF8View? {
    let names: (StaticString, StaticString) = ("@connections/", "%40connections/")
    for name in [names.0, names.1] where name.withUTF8Buffer({ rest.starts(with: $0) }) {
      return rest.dropFirst(name.utf8CodeUnitCount)
    }
    return nil
  }

  private static func read(id: Substring.UTF8View) -> ManagementTarget {
    var ascii = InlineArray<16, UInt8>(repeating: 0)
    var count = 0
    var padding = 0
    var rest = id
    while let byte = rest.popFirst() {
      var character = byte
      if byte == UInt8(ascii: "%") {
        // The one character that clients escape; nothing else that may stand in an id needs it.
        guard rest.popFirst() == UInt8(ascii: "3"), rest.popFirst().map({ $0 | 0x20 }) == UInt8(ascii: "d") else {
          return .malformedID
        }
        character = UInt8(ascii: "=")
      }
      if character == UInt8(ascii: "=") { padding += 1 } else if padding > 0 { return .malformedID }
      guard ConnectionID.isAllowed(character), count < 128 else { return .malformedID }
      if count < 16 { ascii[count] = character }
      count += 1
    }
    // Ids are base64url, padded.
    guard count > 0, count % 4 == 0, padding <= 2 else { return .malformedID }
    return count == 16 ? .connection(ConnectionKey(ascii: ascii)) : .otherConnection
  }
}
