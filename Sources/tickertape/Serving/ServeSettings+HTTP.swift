import LambdaEvents
import LocalGateway

/// What `serve` is told of functions that are reached over HTTP, and of what runs at a time.
struct ServeHTTP: Equatable {
  /// The project's own function that streams events over HTTP; it takes whatever nothing else answers, unless paths are
  /// named.
  static let ownFunction = "StreamHandler"
  /// How many streams one process of it holds.
  static let ownConcurrency = 256
  /// Lambda's longest.
  static let longestTimeoutSeconds = 900

  /// Patterns of paths by function name.
  var paths: [String: [String]] = [:]
  var front = "url"
  /// Silence after which a stream is cut; 0: never; nil: as the front has it.
  var idleMilliseconds: Int64?
  /// Invocations of one environment at a time, by function name.
  var concurrency = [ownFunction: ownConcurrency]
  /// Invocations at a time in all environments, by function name.
  var reserved: [String: Int] = [:]
  /// By function name. Others have 30 seconds, functions that are reached over HTTP fifteen minutes.
  var timeoutSeconds: [String: Int] = [:]
  /// After the first 6 MB of an answer that is streamed; 0: no bound.
  var streamBytesPerSecond = 2 << 20

  /// Patterns by function, the project's own where it runs and nobody named any.
  func routes(functions: [String]) -> [HTTPFunctionRoute] {
    var paths = paths
    if paths[Self.ownFunction] == nil, functions.contains(Self.ownFunction) { paths[Self.ownFunction] = ["*"] }
    return paths.sorted { $0.key < $1.key }.flatMap { function, patterns in
      patterns.compactMap { HTTPFunctionRoute(pattern: $0, function: function) }
    }
  }

  func configuration(functions: [String], clock: Int) -> HTTPFrontConfiguration {
    var configuration = HTTPFrontConfiguration(name: front) ?? HTTPFrontConfiguration()
    if let idleMilliseconds { configuration.idleMilliseconds = idleMilliseconds == 0 ? nil : idleMilliseconds }
    configuration.idleMilliseconds = configuration.idleMilliseconds.map { max(1, $0 / Int64(clock)) }
    configuration.routes = routes(functions: functions)
    return configuration
  }

  /// The function with what is said of it by its name.
  func configure(_ function: inout FunctionConfiguration, isReachedOverHTTP: Bool) {
    function.invocationsPerEnvironment = concurrency[function.name] ?? 1
    function.reservedConcurrency = reserved[function.name]
    if isReachedOverHTTP { function.timeoutSeconds = Self.longestTimeoutSeconds }
    function.timeoutSeconds = timeoutSeconds[function.name] ?? function.timeoutSeconds
    function.streamBytesPerSecond = streamBytesPerSecond == 0 ? nil : streamBytesPerSecond
  }

  // MARK: Values

  /// `StreamHandler=/api/stream/*,/metrics`
  mutating func setPaths(_ text: String, of function: String) throws(CommandFailure) {
    let patterns = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for pattern in patterns where HTTPFunctionRoute(pattern: pattern, function: function) == nil {
      throw CommandFailure(
        code: .usage,
        message: "http-function takes paths with commas between them, each /PATH, /PATH/* or * for all others, "
          + "not '\(pattern)'")
    }
    paths[function] = patterns
  }

  mutating func setFront(_ text: String) throws(CommandFailure) {
    let names = HTTPFrontConfiguration.fronts.map(\.name)
    guard names.contains(text) else {
      throw CommandFailure(
        code: .usage, message: "http-front is one of \(names.joined(separator: ", ")), not '\(text)'")
    }
    front = text
  }
}

extension ServeSettings {
  /// `NAME=N`
  static func number(
    _ text: String, key: Key, range: ClosedRange<Int>, example: String
  ) throws(CommandFailure) -> (name: String, number: Int) {
    let (name, value) = try pair(text, key: key, example: example)
    return (name, try integer(value, key: key, range: range))
  }

  mutating func setHTTP(_ key: Key, text: String) throws(CommandFailure) {
    switch key {
    case .httpFunction:
      let (name, value) = try Self.pair(text, key: key, example: "--http-function Hooks=/hooks/*")
      try http.setPaths(value, of: name)
    case .httpFront: try http.setFront(text)
    case .httpIdle:
      http.idleMilliseconds =
        text == "0" ? 0 : try Self.milliseconds(text, key: key, bound: "above zero, or 0 for never")
    case .concurrency:
      let (name, number) = try Self.number(
        text, key: key, range: 1...1000, example: "--concurrency StreamHandler=256")
      http.concurrency[name] = number
    case .reserved:
      let (name, number) = try Self.number(text, key: key, range: 0...100_000, example: "--reserved StreamHandler=100")
      http.reserved[name] = number
    case .timeout:
      let (name, number) = try Self.number(
        text, key: key, range: 1...ServeHTTP.longestTimeoutSeconds, example: "--timeout StreamHandler=60")
      http.timeoutSeconds[name] = number
    default: http.streamBytesPerSecond = try Self.integer(text, key: key, range: 0...(1 << 30))
    }
  }

  /// Functions that settings name and that do not exist.
  func validateHTTP() throws(CommandFailure) {
    let own = [ServeHTTP.ownFunction]
    let named: [(Key, [String])] = [
      (.httpFunction, Array(http.paths.keys)), (.concurrency, Array(http.concurrency.keys)),
      (.reserved, Array(http.reserved.keys)), (.timeout, Array(http.timeoutSeconds.keys)),
    ]
    for (key, names) in named {
      for name in names.sorted() where functions[name] == nil && !own.contains(name) {
        throw CommandFailure(
          code: .usage,
          message: "\(key.rawValue) names the function \(name), which does not exist"
            + Suggestion.phrase(for: name, among: functions.keys.sorted()),
          advice: ["--function \(name)=PATH names its executable"])
      }
    }
  }
}
