import Glibc
import JSON

/// Structured logs: one JSON object a line with `timestamp` (RFC 3339) and `level`, so that CloudWatch can filter them
/// (Lambda's advanced logging controls, LogFormat JSON).
///
///     log.info("connected", ["connectionId": .text(id)])
///     // {"timestamp":"2026-01-02T10:30:01.000Z","level":"INFO","message":"connected","connectionId":"R0oX…="}
///
/// A message and a literal are the program's own words and stand as they are (`LogText`). In what came from outside,
/// e-mail addresses, phone numbers, keys, tokens and passwords are masked (`Masking`) before they are written; that is a
/// net, not a licence: none may be given to it knowingly.
package struct Log: Sendable {
  package enum Level: Int, Sendable, Comparable {
    case trace, debug, info, warn, error, fatal

    package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

    var name: String {
      switch self {
      case .trace: "TRACE"
      case .debug: "DEBUG"
      case .info: "INFO"
      case .warn: "WARN"
      case .error: "ERROR"
      case .fatal: "FATAL"
      }
    }

    /// From `AWS_LAMBDA_LOG_LEVEL`; nil for a word that is no level.
    package init?(name: String) {
      switch name.uppercased() {
      case "TRACE": self = .trace
      case "DEBUG": self = .debug
      case "INFO": self = .info
      case "WARN": self = .warn
      case "ERROR": self = .error
      case "FATAL": self = .fatal
      default: return nil
      }
    }
  }

  package enum Value: Sendable, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
    /// A text from outside, or one that holds something from outside.
    case text(String)
    /// The program's own words. So is a literal: `"reason": "status \(status)"`.
    case own(LogText)
    /// A name that the program or AWS made, or whose form the program has checked: a request's, a connection's, a code.
    case identifier(String)
    case number(Int64)
    case decimal(Double)
    case flag(Bool)

    package init(stringLiteral value: String) { self = .identifier(value) }
    package init(stringInterpolation: LogText.StringInterpolation) {
      self = .own(LogText(stringInterpolation: stringInterpolation))
    }
    package init(integerLiteral value: Int64) { self = .number(value) }

    func append(to writer: inout JSONWriter, named name: String) {
      writer.key(name)
      switch self {
      case .text(let text): writer.string(Masking.masked(text, named: name) ?? text)
      case .own(let text): writer.string(text.description)
      case .identifier(let text): writer.string(text)
      case .number(let number): writer.integer(number)
      case .decimal(let decimal): writer.double(decimal)
      case .flag(let flag): writer.boolean(flag)
      }
    }
  }

  /// Fields keep the order they are given in.
  package typealias Fields = KeyValuePairs<String, Value>

  private let minimum: Level
  private let clock: Clock
  private let context: [(String, Value)]
  private let write: @Sendable ([UInt8]) -> Void

  /// Lines at `minimum` and above, each handed to `write` with its line feed; by default to standard output, where
  /// Lambda collects them.
  package init(
    minimum: Level = .info, clock: Clock = .system, context: [(String, Value)] = [],
    write: @escaping @Sendable ([UInt8]) -> Void = { Log.writeToStandardOutput($0) }
  ) {
    self.minimum = minimum
    self.clock = clock
    self.context = context
    self.write = write
  }

  /// Lines at the level that `AWS_LAMBDA_LOG_LEVEL` names and above.
  package init(_ environment: Environment) throws(TelemetrySettingError) {
    self.init(minimum: try TelemetrySettings.logLevel(environment: environment))
  }

  /// A log whose every line also bears these fields.
  package func with(_ fields: Fields) -> Log {
    Log(minimum: minimum, clock: clock, context: context + fields.map { ($0.key, $0.value) }, write: write)
  }

  package func isEnabled(_ level: Level) -> Bool { level >= minimum }

  package func debug(_ message: @autoclosure () -> LogText, _ fields: @autoclosure () -> Fields = [:]) {
    log(.debug, message(), fields())
  }
  package func info(_ message: @autoclosure () -> LogText, _ fields: @autoclosure () -> Fields = [:]) {
    log(.info, message(), fields())
  }
  package func warn(_ message: @autoclosure () -> LogText, _ fields: @autoclosure () -> Fields = [:]) {
    log(.warn, message(), fields())
  }
  package func error(_ message: @autoclosure () -> LogText, _ fields: @autoclosure () -> Fields = [:]) {
    log(.error, message(), fields())
  }

  package func log(_ level: Level, _ message: @autoclosure () -> LogText, _ fields: @autoclosure () -> Fields = [:]) {
    guard level >= minimum else { return }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: clock.milliseconds()))
      writer.member("level", level.name)
      writer.member("message", message().description)
      for (name, value) in context { value.append(to: &writer, named: name) }
      for (name, value) in fields() { value.append(to: &writer, named: name) }
    }
    write(writer.bytes + [0x0A])
  }

  /// One `write` a line, so that lines of several processes on one pipe do not mix.
  package static func writeToStandardOutput(_ line: [UInt8]) {
    line.withUnsafeBytes { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(STDOUT_FILENO, rest.baseAddress, rest.count)
        if count < 0 {
          if errno == EINTR { continue }
          return
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}
