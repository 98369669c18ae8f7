import FoundationEssentials

enum SourceFixture {
  /// The invocation of that name in `Tests/Fixtures/sources`.
  static func named(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return Array(try Data(contentsOf: folder.appending(path: "Fixtures/sources/\(name).json")))
  }
}
