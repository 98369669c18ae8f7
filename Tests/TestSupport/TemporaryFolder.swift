import Glibc

/// A new folder under the system's temporary one, removed with all that is in it when the value goes away.
package final class TemporaryFolder {
  package let path: String

  package init() {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/tickertape-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "mkdtemp failed: \(String(cString: strerror(errno)))")
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    nftw(path, { entry, _, _, _ in remove(entry) }, 16, FTW_DEPTH.rawValue | FTW_PHYS.rawValue)
  }

  package func file(_ name: String) -> String { "\(path)/\(name)" }
}
