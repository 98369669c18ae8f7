import Glibc

/// A system call that failed: which, on what, and errno with its words.
struct SystemFailure: Error, Equatable, CustomStringConvertible {
  let call: String
  let subject: String
  let number: Int32

  init(_ call: String, _ subject: String = "", number: Int32 = errno) {
    self.call = call
    self.subject = subject
    self.number = number
  }

  var isBrokenPipe: Bool { number == EPIPE }
  /// Also of a standard descriptor that the caller closed.
  var isClosed: Bool { number == EBADF }
  var isAbsence: Bool { number == ENOENT || number == ENOTDIR }

  /// `No such file or directory`
  var reason: String { String(cString: strerror(number)) }

  var description: String { "\(subject.isEmpty ? call : subject): \(reason)" }
}
