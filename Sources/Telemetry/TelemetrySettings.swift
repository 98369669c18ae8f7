/// What a function writes of itself, as the environment says it.
package enum TelemetrySettings {
  /// Whether a line of metrics follows each invocation: `METRICS`, `on` (the default) or `off`.
  package static func writesMetrics(environment: Environment) throws(TelemetrySettingError) -> Bool {
    switch environment["METRICS"] {
    case nil, "on": true
    case "off": false
    case let keyword?: throw TelemetrySettingError("METRICS=\(keyword) is neither on nor off; for example METRICS=off")
    }
  }

  /// The level that `AWS_LAMBDA_LOG_LEVEL` names; INFO if it is not set.
  package static func logLevel(environment: Environment) throws(TelemetrySettingError) -> Log.Level {
    guard let keyword = environment["AWS_LAMBDA_LOG_LEVEL"] else { return .info }
    guard let level = Log.Level(name: keyword) else {
      throw TelemetrySettingError(
        "AWS_LAMBDA_LOG_LEVEL=\(keyword) is none of TRACE, DEBUG, INFO, WARN, ERROR and FATAL; for example "
          + "AWS_LAMBDA_LOG_LEVEL=INFO")
    }
    return level
  }
}

/// A variable has a value that it cannot have. Names it with an example.
package struct TelemetrySettingError: Error, Equatable, CustomStringConvertible, LogTextConvertible {
  package let description: String
  package var logText: LogText { LogText(known: description) }

  init(_ description: String) { self.description = description }
}
