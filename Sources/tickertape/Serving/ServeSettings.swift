import Access
import JSON
import LocalGateway
import Telemetry

/// What `serve` is told, by its options, by `tickertape.json`, and where both are silent by itself.
struct ServeSettings: Equatable {
  /// What the project's own functions are called, and what their executables are called.
  static let ownFunctions = ["ConnectHandler", "DisconnectHandler", "DefaultHandler", "Publisher"]

  /// Variables of functions that name a file; a function starts in its own folder.
  static let fileVariables = ["EVENT_TYPES_FILE", "STREAM_ROUTES_FILE"]

  var port = 8000
  var stage = "dev"
  var store = ChosenTable.defaultStore
  /// Paths of executables by function name.
  var functions: [String: String] = [:]
  /// Function names by route key.
  var routes: [String: String] = [:]
  /// Where the route key stands in a frame: `$request.body.action`.
  var routeSelection = "$request.body.action"
  /// Routes whose function's answer is sent back to the client, as API Gateway's route responses.
  var routeResponses: Set<String> = ["$default"]
  /// Variables for the functions, beside those that `serve` sets.
  var variables: [String: String] = [:]
  /// Where a plain echo server listens, if at all.
  var echoPort: Int?
  var allowedOrigins: [String] = []
  /// The folders of a page's files.
  var pages: [PageFolder] = []
  /// Whom the page may talk to beside its own address.
  var connectSources: [String] = []
  /// What the page says that it shows.
  var about: String?
  var idleTimeoutMilliseconds: Int64 = 10 * 60_000
  var maximumDurationMilliseconds: Int64 = 2 * 3_600_000
  /// How many times faster silence and age pass than they do on AWS.
  var clock = 1
  /// How often the Publisher is invoked to send what was left; 0: never.
  var sweepMilliseconds: Int64 = 60_000
  /// The file that says what is to go wrong.
  var faultsPath: String?
  var logLevel = Log.Level.info
  /// The most environments a function may have at once.
  var environments = 10
  var http = ServeHTTP()

  /// The project's own functions beside the tool's executable, and the three routes that every API has.
  init(executableDirectory: String) {
    for name in Self.ownFunctions + [ServeHTTP.ownFunction] {
      functions[name] = Path.join(executableDirectory, name: name)
    }
    routes = ["$connect": "ConnectHandler", "$disconnect": "DisconnectHandler", "$default": "DefaultHandler"]
  }

  /// Every setting, by the name it has on the command line and in the file.
  enum Key: String, CaseIterable {
    case port, stage, store, function, route
    case routeSelection = "route-selection"
    case routeResponse = "route-response"
    case env, echo
    case allowOrigin = "allow-origin"
    case pages, about
    case connectSource = "connect-source"
    case idleTimeout = "idle-timeout"
    case maximumDuration = "maximum-duration"
    case clock, sweep, faults
    case logLevel = "log-level"
    case environments
    case httpFunction = "http-function"
    case httpFront = "http-front"
    case httpIdle = "http-idle"
    case concurrency, reserved, timeout
    case streamRate = "stream-rate"

    /// Its values are `NAME=VALUE`.
    var isNamed: Bool {
      [.function, .route, .env, .httpFunction, .concurrency, .reserved, .timeout].contains(self)
    }
  }

  /// Sets one setting from its text; `base` is the directory that relative paths start from.
  mutating func set(_ key: Key, text: String, base: String?) throws(CommandFailure) {
    switch key {
    case .port: port = try Self.integer(text, key: key, range: 0...65_535)
    case .echo: echoPort = try Self.integer(text, key: key, range: 0...65_535)
    case .environments: environments = try Self.integer(text, key: key, range: 1...1000)
    case .stage: stage = try Self.stage(text)
    case .store: store = try Self.store(text)
    case .function:
      let (name, path) = try Self.pair(text, key: key, example: "--function Echo=build/Echo")
      functions[name] = Self.path(path: path, base: base)
    case .route:
      let (route, name) = try Self.pair(text, key: key, splittingLast: true, example: "--route chat=Chat")
      routes[route] = name
    case .routeSelection: routeSelection = text
    case .routeResponse: routeResponses.insert(text)
    case .env:
      let (name, value) = try Self.pair(text, key: key, mayBeEmpty: true, example: "--env ACCESS=open")
      if name == "CONNECTION_STORE", value.hasPrefix("memory:") { _ = try Self.store(value) }
      variables[name] = Self.fileVariables.contains(name) && !value.isEmpty ? Self.path(path: value, base: base) : value
    case .allowOrigin: allowedOrigins.append(try Self.origin(text))
    case .pages: pages.append(try Self.pages(text, base: base))
    case .connectSource: connectSources.append(try Self.connectSource(text))
    case .about: about = try Self.about(text)
    case .idleTimeout: idleTimeoutMilliseconds = try Self.milliseconds(text, key: key)
    case .maximumDuration: maximumDurationMilliseconds = try Self.milliseconds(text, key: key)
    case .clock: clock = try Self.integer(text, key: key, range: 1...10_000)
    case .sweep:
      sweepMilliseconds = text == "0" ? 0 : try Self.milliseconds(text, key: key, bound: "above zero, or 0 for never")
    case .faults: faultsPath = Self.path(path: text, base: base)
    case .logLevel:
      guard let level = Log.Level(name: text) else {
        throw CommandFailure(
          code: .usage, message: "log-level is one of trace, debug, info, warn, error, fatal, not '\(text)'")
      }
      logLevel = level
    case .httpFunction, .httpFront, .httpIdle, .concurrency, .reserved, .timeout, .streamRate:
      try setHTTP(key, text: text)
    }
  }

  /// What can only be judged when everything is known.
  func validate() throws(CommandFailure) {
    for (route, name) in routes.sorted(by: { $0.key < $1.key }) where functions[name] == nil {
      throw CommandFailure(
        code: .usage,
        message: "route \(route) goes to the function \(name), which does not exist"
          + Suggestion.phrase(for: name, among: functions.keys.sorted()),
        advice: ["--function \(name)=PATH names its executable"])
    }
    for route in routeResponses.sorted() where routes[route] == nil {
      throw CommandFailure(code: .usage, message: "route-response names the route \(route), which does not exist")
    }
    try validateHTTP()
    guard port == 0 || echoPort != port else {
      throw CommandFailure(code: .usage, message: "the echo server cannot have the gateway's own port \(port)")
    }
  }

  /// Where the SQLite table lies, if it is one.
  var sqlitePath: String? { store.hasPrefix("sqlite:") ? String(store.dropFirst("sqlite:".count)) : nil }

  // MARK: Values

  static func path(path: String, base: String?) -> String {
    path.hasPrefix("/") ? path : base.map { Path.join($0, name: path) } ?? path
  }

  static func integer(_ text: String, key: Key, range: ClosedRange<Int>) throws(CommandFailure) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw CommandFailure(
        code: .usage,
        message: "\(key.rawValue) takes a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return number
  }

  static func milliseconds(
    _ text: String, key: Key, bound: String = "above zero"
  ) throws(CommandFailure) -> Int64 {
    guard let seconds = Double(text), seconds > 0, seconds <= 1_000_000 else {
      throw CommandFailure(code: .usage, message: "\(key.rawValue) takes seconds, \(bound), not '\(text)'")
    }
    return Int64((seconds * 1000).rounded(.up))
  }

  static func pair(
    _ text: String, key: Key, splittingLast: Bool = false, mayBeEmpty: Bool = false, example: String
  ) throws(CommandFailure) -> (String, String) {
    let separator = splittingLast ? text.lastIndex(of: "=") : text.firstIndex(of: "=")
    guard let separator, separator > text.startIndex, mayBeEmpty || text.index(after: separator) < text.endIndex else {
      throw CommandFailure(
        code: .usage, message: "\(key.rawValue) takes two parts with = between them, as in \(example), not '\(text)'")
    }
    return (String(text[..<separator]), String(text[text.index(after: separator)...]))
  }

  /// As API Gateway: letters, digits, - and _, at most 128.
  private static func stage(_ text: String) throws(CommandFailure) -> String {
    let isName = text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
    guard !text.isEmpty, text.utf8.count <= 128, isName else {
      throw CommandFailure(code: .usage, message: "stage takes letters, digits, - and _, not '\(text)'")
    }
    return text
  }

  private static func store(_ text: String) throws(CommandFailure) -> String {
    if text.hasPrefix("sqlite:"), text.utf8.count > 7 { return text }
    if text.hasPrefix("dynamodb:"), text.utf8.count > 9 { return text }
    let advice =
      text.hasPrefix("memory:")
      ? ["each function would have a memory of its own; sqlite:PATH is shared by all of them"] : []
    throw CommandFailure(
      code: .usage, message: "store takes sqlite:PATH or dynamodb:TABLE, not '\(text)'", advice: advice)
  }

  private static func origin(_ text: String) throws(CommandFailure) -> String {
    guard PageOrigin.isOne(text) else {
      throw CommandFailure(
        code: .usage,
        message: "allow-origin takes an origin such as http://localhost:3000 (\(PageOrigin.rule)), not '\(text)'")
    }
    return text
  }
}
