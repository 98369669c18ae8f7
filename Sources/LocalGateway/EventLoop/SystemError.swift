import Glibc

/// A system call that failed: which, on what, and errno with its words.
struct SystemError: Error, CustomStringConvertible {
  let call: String
  let number: Int32
  let subject: String

  init(_ call: String, number: Int32 = errno, subject: String = "") {
    self.call = call
    self.number = number
    self.subject = subject
  }

  var description: String {
    "\(call)\(subject.isEmpty ? "" : " \(subject)"): \(String(cString: strerror(number))) (\(number))"
  }

  /// The result of a system call, or its error if that is -1.
  @discardableResult
  static func check(_ call: String, result: Int32, subject: String = "") throws(SystemError) -> Int32 {
    guard result != -1 else { throw SystemError(call, subject: subject) }
    return result
  }
}
