import Glibc

/// Ctrl-C, SIGTERM and SIGHUP (its terminal was closed) as something to wait for: a descriptor that becomes, and stays, readable when one has come.
///
/// A second one ends the process at once, should the orderly end take too long, unless `installed` is called again.
struct TerminationSignal {
  let descriptor: Int32

  /// Never comes; for tests, and for commands that may simply be killed.
  static let never = TerminationSignal(descriptor: -1)

  /// A pipe made once a process: a signal handler can reach nothing but globals.
  private static let ends: (reading: Int32, writing: Int32) = {
    var pair: [Int32] = [-1, -1]
    guard Glibc.pipe(&pair) == 0 else { return (-1, -1) }
    for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (pair[0], pair[1])
  }()

  private static let ignoresHangUp: Bool = {
    var action = sigaction()
    // A plain `SIG_IGN` is the address 1.
    return sigaction(SIGHUP, nil, &action) == 0
      && unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
  }()

  /// Takes over these signals, each for once. A hang-up that the caller had ignored (`nohup`) stays ignored.
  static func installed() -> TerminationSignal {
    let descriptor = ends.reading
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      // `write` is one of the few calls a handler may make. Where nobody reads it, the pipe stays readable.
      var byte = UInt8(truncatingIfNeeded: number)
      _ = write(TerminationSignal.ends.writing, &byte, 1)
    }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    sigaction(SIGINT, &action, nil)
    sigaction(SIGTERM, &action, nil)
    if !ignoresHangUp { sigaction(SIGHUP, &action, nil) }
    return TerminationSignal(descriptor: descriptor)
  }

  /// Waits up to `milliseconds`; true as soon as, or if, the signal has come.
  func wait(milliseconds: Int64) -> Bool {
    System.wait(forReadable: [descriptor], milliseconds: milliseconds)[0]
  }

  var hasCome: Bool { wait(milliseconds: 0) }

  /// A write to a connection that the other side closed gives an error instead of ending the process.
  static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
