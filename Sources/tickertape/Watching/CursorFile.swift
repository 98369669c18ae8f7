import JSON
import StreamClient

/// A file that keeps a watch's position in its streams between runs: `{"cursor":"…","seen":{"all/price:update":1266}}`.
struct CursorFile {
  private static let maximumBytes = 1 << 20

  let path: String

  /// Where the last run ended; the beginning if there is no such file.
  func load() throws(CommandFailure) -> Follower.Position {
    guard System.exists(path: path) else { return Follower.Position() }
    let bytes = try content()
    do throws(JSONError) { return try Self.position(bytes) } catch {
      throw CommandFailure(
        code: .inputOutput, message: "\(path) does not hold a watch's position: \(error)",
        advice: ["without it the watch begins anew"])
    }
  }

  /// In one step: a reader of the file finds the old position or the new one.
  func save(_ position: Follower.Position) throws(CommandFailure) {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("cursor", ifPresent: position.cursor)
      writer.key("seen")
      writer.object { writer in
        for (stream, sequence) in position.seen.sorted(by: { $0.key < $1.key }) { writer.member(stream, sequence) }
      }
    }
    do { try System.replaceFile(path: path, with: writer.bytes + [0x0A]) } catch {
      throw CommandFailure(code: .cannotCreate, message: "cannot keep the place: \(error)")
    }
  }

  private func content() throws(CommandFailure) -> [UInt8] {
    if let bytes = try ByteSource.file(path: path).readAll(maximumBytes: Self.maximumBytes) { return bytes }
    throw CommandFailure(code: .inputOutput, message: "\(path) is too large to hold a watch's position")
  }

  private static func position(_ bytes: [UInt8]) throws(JSONError) -> Follower.Position {
    var position = Follower.Position()
    var reader = JSONReader(bytes)
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "cursor": if try !reader.null() { position.cursor = try reader.string() }
      case "seen":
        try reader.beginObject()
        while let stream = try reader.nextKey() { position.seen[stream] = try reader.integer() }
      default: try reader.skip()
      }
    }
    try reader.end()
    return position
  }
}
