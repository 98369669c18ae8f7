import CLinux
import Glibc

/// A program that was started in a process group of its own: its output by lines, its end, its signals.
///
/// The end is seen through a pidfd, so no handler for SIGCHLD is needed and other children of this process are left
/// alone. What the program itself has started and left in its group ends with it, and the program ends with the thread
/// that started it, even if that is killed.
final class ChildProcess: EventHandler {
  struct Command {
    /// Absolute, or relative to the working directory of this process.
    let executable: String
    var arguments: [String] = []
    /// All of them; nothing is inherited.
    let environment: [String: String]
    var workingDirectory: String?
  }

  let pid: pid_t
  private let loop: EventLoop
  private let pidDescriptor: Int32
  private let output: OutputPipe
  private let onEnd: (ProcessEnd) -> Void
  private var hasEnded = false
  private var finalPeakKilobytes = 0

  /// `onLine` gets standard output and standard error, a whole line at a time without its line feed; `onEnd` is called
  /// once, after the last line.
  static func start(
    _ command: Command, on loop: EventLoop, onLine: @escaping ([UInt8]) -> Void,
    onEnd: @escaping (ProcessEnd) -> Void
  ) throws(SystemError) -> ChildProcess {
    let (reading, writing) = try OutputPipe.descriptors()
    defer { close(writing) }
    let pid: pid_t
    do { pid = try spawn(command, output: writing) } catch {
      close(reading)
      throw error
    }
    do { return try ChildProcess(pid, on: loop, reading: reading, onLine: onLine, onEnd: onEnd) } catch {
      close(reading)
      kill(-pid, SIGKILL)
      waitpid(pid, nil, 0)
      throw error
    }
  }

  private init(
    _ pid: pid_t, on loop: EventLoop, reading: Int32, onLine: @escaping ([UInt8]) -> Void,
    onEnd: @escaping (ProcessEnd) -> Void
  ) throws(SystemError) {
    self.pid = pid
    self.loop = loop
    self.onEnd = onEnd
    output = OutputPipe(descriptor: reading, loop: loop, onLine: onLine)
    pidDescriptor = try SystemError.check("pidfd_open", result: pidfd_open(pid, 0))
    do {
      try loop.add(descriptor: pidDescriptor, interest: .readable, handler: self)
      try loop.add(descriptor: reading, interest: .readable, handler: output)
    } catch {
      loop.remove(descriptor: pidDescriptor)
      close(pidDescriptor)
      throw error
    }
  }

  /// Sends the signal to the whole process group; does nothing once the process has ended.
  func signal(_ number: Int32) {
    guard !hasEnded else { return }
    kill(-pid, number)
  }

  /// The most memory it has had; zero between its end and the notice of it.
  func peakKilobytes() -> Int { hasEnded ? finalPeakKilobytes : ProcessStatus.peakKilobytes(pid) ?? 0 }

  /// Reads what the process has written up to now.
  func drainOutput() { output.read() }

  func ready(_ readiness: EventLoop.Readiness) {
    guard !hasEnded else { return }
    loop.remove(descriptor: pidDescriptor)
    close(pidDescriptor)
    // Until it is waited for, the process's number cannot be given to another group.
    kill(-pid, SIGKILL)
    hasEnded = true
    var status: Int32 = 0
    var usage = rusage()
    while wait4(pid, &status, 0, &usage) == -1, errno == EINTR {}
    finalPeakKilobytes = Int(usage.ru_maxrss)
    output.finish()
    onEnd(Self.end(status: status))
  }

  /// Decodes a wait status (waitpid(2)): the signal in the low seven bits, else the exit status in the next byte.
  private static func end(status: Int32) -> ProcessEnd {
    let signal = status & 0x7F
    return signal == 0 ? .exited(status: (status >> 8) & 0xFF) : .killed(signal: signal)
  }

  // MARK: Starting

  private static func spawn(_ command: Command, output: Int32) throws(SystemError) -> pid_t {
    let path = absolute(path: command.executable)
    let arguments = ([path] + command.arguments).map { strdup($0) } + [nil]
    let environment = command.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + environment { free(text) } }
    var pid: pid_t = 0
    let number = tickertape_start(&pid, path, arguments, environment, command.workingDirectory, output)
    guard number == 0 else { throw SystemError("start", number: number, subject: path) }
    return pid
  }

  /// The child changes its directory before it looks for the program.
  private static func absolute(path: String) -> String {
    guard !path.hasPrefix("/"), let directory = getcwd(nil, 0) else { return path }
    defer { free(directory) }
    return "\(String(cString: directory))/\(path)"
  }
}
