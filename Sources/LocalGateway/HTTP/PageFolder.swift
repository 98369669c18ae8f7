/// A folder whose files are served below a path.
package struct PageFolder: Equatable, Sendable {
  /// What stands between the slashes of the path: nothing for `/`, `client` for `/client/…`.
  let prefix: [String]
  package let folder: String

  /// Nil if the path is none that could be asked for.
  package init?(path: String, folder: String) {
    guard let prefix = PagePath.names(path[...]) else { return nil }
    self.prefix = prefix
    self.folder = folder
  }

  /// The names below the folder, or nil if what is asked for lies elsewhere.
  func names(below names: [String]) -> [String]? {
    names.starts(with: prefix) ? Array(names.dropFirst(prefix.count)) : nil
  }
}

/// Paths of files as they may be asked for: no name begins with a dot, and nothing is percent-encoded, so that no
/// spelling leads out of the folder or to what is hidden in it.
enum PagePath {
  private static let maximumBytes = 1024

  /// `/client/index.js` as `client` and `index.js`; none for `/`; nil for what names no file.
  static func names(_ path: Substring) -> [String]? {
    guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= maximumBytes else { return nil }
    if path == "/" { return [] }
    let names = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    return names.allSatisfy(isName) ? names.map(String.init) : nil
  }

  private static func isName(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, first != UInt8(ascii: ".") else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "._-".utf8.contains(byte)
      }
    }
  }
}
