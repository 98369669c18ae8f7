import FoundationEssentials

/// Files of the repository that tests read, found from where this file stands.
enum Fixtures {
  static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func bytes(_ path: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: repository.appending(path: path)))
  }

  /// The names of the files in a folder, in order; none if there is no such folder.
  static func names(in folder: String) -> [String] {
    let path = repository.appending(path: folder).path
    return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
  }
}
