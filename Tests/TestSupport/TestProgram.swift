import CLinux
import Glibc

/// A running program of the tests, such as `TableStress`, which stands beside the tests' own executable.
package final class TestProgram {
  private let process: pid_t
  private let reading: Int32
  private var status: Int32?
  /// What it has printed, as far as it was read: all of it after `wait`.
  package private(set) var output = ""

  package struct NotStarted: Error { let number: Int32 }

  package init(_ name: String, _ arguments: [String]) throws {
    var fromChild: [Int32] = [0, 0]
    // Closed on exec, or a second process would hold the first one's open. Glibc's module has no pipe2.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &fromChild) == 0 else { throw NotStarted(number: errno) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      close(fromChild[1])
    }
    var words = ([name] + arguments).map { strdup($0) } + [nil]
    defer { words.forEach { free($0) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var process: pid_t = 0
    let number = posix_spawn(&process, Self.folder + name, &actions, nil, &words, &environment)
    guard number == 0 else { throw NotStarted(number: number) }
    self.process = process
    reading = fromChild[0]
  }

  deinit {
    if status == nil {
      Glibc.kill(process, SIGKILL)
      _ = waitpid(process, nil, 0)
    }
    close(reading)
  }

  package func kill() { Glibc.kill(process, SIGKILL) }

  /// Its exit status, or 128 and the number of the signal that ended it.
  package func wait() -> Int32 {
    while readByte() != nil {}
    var status: Int32 = 0
    while waitpid(process, &status, 0) == -1, errno == EINTR {}
    self.status = status
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
  }

  private func readByte() -> UInt8? {
    var byte: UInt8 = 0
    guard read(reading, &byte, 1) == 1 else { return nil }
    output.unicodeScalars.append(Unicode.Scalar(byte))
    return byte
  }

  /// With a slash at its end.
  private static let folder: String = {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    let own = String(decoding: path.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    return (own.lastIndex(of: "/").map { String(own[...$0]) } ?? "./")
  }()
}
