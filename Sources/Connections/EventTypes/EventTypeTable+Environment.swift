import Glibc
package import Telemetry

// Where the file comes from, and the room's border to C: reading one.

extension EventTypeTable {
  /// The file that `EVENT_TYPES_FILE` names, else the one that was built in: `EventTypeRules.json`, which scripts/events.py
  /// makes of `EventTypes.json`. Every start of a function reads it, so it holds nothing that is for readers only.
  package init(environment: Environment) throws(EventTypeFileError) {
    guard let path = environment["EVENT_TYPES_FILE"] else {
      try self.init(reading: PackageResources.EventTypeRules_json, file: "EventTypeRules.json", isDescribed: false)
      return
    }
    try self.init(reading: Self.contents(of: path), file: path)
  }

  private static let maximumBytes = 256 * 1024

  private static func contents(of path: String) throws(EventTypeFileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path: path) }
    defer { close(descriptor) }
    var contents: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = read(descriptor, &part, part.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path: path) }
      if count == 0 { return contents }
      contents += part[..<count]
      guard contents.count <= maximumBytes else {
        throw EventTypeFileError(file: path, member: "", reason: "is larger than \(maximumBytes / 1024) KB")
      }
    }
  }

  private static func unreadable(path: String) -> EventTypeFileError {
    EventTypeFileError(
      file: path, member: "", reason: "EVENT_TYPES_FILE cannot be read: \(String(cString: strerror(errno)))")
  }
}
