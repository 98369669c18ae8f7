/// What a command tells the shell; the numbers from 64 up are those of `sysexits.h`.
enum ExitCode: Int32, CaseIterable, Sendable {
  case success = 0
  case failure = 1
  case usage = 64
  case unavailable = 69
  case cannotCreate = 73
  case inputOutput = 74
  /// 128 + SIGINT, as a shell reports it.
  case interrupted = 130

  var meaning: String {
    switch self {
    case .success: "it worked"
    case .failure: "what was asked for failed: an event was rejected, a check found something wrong"
    case .usage: "the command line or the configuration file cannot be understood"
    case .unavailable: "the endpoint cannot be reached, refuses, or does not answer as it should"
    case .cannotCreate: "a file, directory or port cannot be created"
    case .inputOutput: "a file cannot be read or written"
    case .interrupted: "stopped by Ctrl-C, SIGTERM or SIGHUP before the work was done"
    }
  }
}

/// Why a command stops before its end: what to tell the user, and what to tell the shell.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
  let code: ExitCode
  /// A sentence without its full stop.
  let message: String
  /// What to do about it, a line each.
  var advice: [String]

  init(code: ExitCode, message: String, advice: [String] = []) {
    self.code = code
    self.message = message
    self.advice = advice
  }

  var description: String { message }
}
