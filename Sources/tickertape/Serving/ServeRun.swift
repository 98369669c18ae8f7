import AWS
import Access
import Connections
import Frames
import LambdaEvents
import LocalGateway
import TableBackends
import Telemetry

/// The gateway as `serve` composes it out of its settings.
struct ServeRun {
  private let settings: ServeSettings
  private let context: CommandContext

  private var terminal: Terminal { context.terminal }

  init(settings: ServeSettings, in context: CommandContext) {
    self.settings = settings
    self.context = context
  }

  /// Serves until Ctrl-C, SIGTERM or SIGHUP.
  func run() throws(CommandFailure) -> ExitCode {
    let faults = try settings.faultsPath.map { path throws(CommandFailure) in
      try ServeFaults.load(path: path, store: settings.store, functions: settings.functions.keys.sorted())
    }
    let functions = try configuredFunctions()
    let store = try preparedStore()
    try check(functions, store: store)
    // Before anything is started, so that a Ctrl-C from now on finds a process that cleans up.
    let signal = context.signal()
    let host = try start(functions, store: store, faults: faults)
    let greeting = ServeGreeting(
      settings: settings, store: store, port: Int(host.port), echoPort: host.echoPort.map { Int($0) },
      functions: functions.map(\.name), access: access, program: context.program)
    for line in greeting.lines(terminal: terminal) { try terminal.line(line) }
    host.run(until: signal.descriptor) {
      // The next signal is the host's too; the one after that ends this process whatever it is doing.
      _ = context.signal()
      terminal.note("stopping; Ctrl-C again ends everything at once")
    }
    mergeLog(of: store)
    terminal.note("stopped")
    return .success
  }

  /// Port 1 stands for one that is not known yet.
  private func check(_ functions: [FunctionConfiguration], store: String) throws(CommandFailure) {
    let shared = functionSettings(port: UInt16(max(1, settings.port)), store: store)
    for function in functions {
      let variables = function.variables(shared, runtimeAPI: "", logStream: "")
      try StartCheck(function: function.name, environment: Environment(variables)).run()
    }
  }

  /// The functions were ended, not asked: none of them has closed the table. Where that fails the log stays beside the
  /// file, and is read by the process that opens it next.
  private func mergeLog(of store: String) {
    guard settings.sqlitePath != nil else { return }
    try? TableSelection.mergeLog(ofSQLiteFile: String(store.dropFirst("sqlite:".count)))
  }

  private func start(
    _ functions: [FunctionConfiguration], store: String, faults: FaultPlan?
  ) throws(CommandFailure) -> GatewayHost {
    var configuration = gatewayConfiguration
    configuration.faults = faults
    configuration.schedules = Self.schedules(functions, sweepMilliseconds: settings.sweepMilliseconds)
    configuration.http = settings.http.configuration(functions: functions.map(\.name), clock: settings.clock)
    do {
      return try GatewayHost(
        configuration, functions: functions, log: Log(minimum: settings.logLevel, write: Self.writeOwnLine),
        onLogLine: { [terminal, settings] line in Self.show(line, level: settings.logLevel, terminal: terminal) },
        settings: { port in functionSettings(port: port, store: store) })
    } catch {
      throw CommandFailure(
        code: .cannotCreate, message: error.message, advice: error.portInUse.map { [example(insteadOf: $0)] } ?? [])
    }
  }

  /// The gateway's port or the echo server's, whichever is taken.
  private func example(insteadOf port: UInt16) -> String {
    let option = Int(port) == settings.port ? "--port" : "--echo"
    return "for example: \(context.program) serve \(option) \(port == .max ? port - 1 : port + 1)"
  }

  // MARK: What is composed

  private var gatewayConfiguration: GatewayConfiguration {
    var configuration = GatewayConfiguration()
    configuration.port = UInt16(settings.port)
    configuration.stage = settings.stage
    configuration.routes = settings.routes.sorted { $0.key < $1.key }.map { key, function in
      GatewayRoute(key: key, function: function, returnsAnswer: settings.routeResponses.contains(key))
    }
    configuration.routeSelectionExpression = settings.routeSelection
    configuration.idleMilliseconds = max(1, settings.idleTimeoutMilliseconds / Int64(settings.clock))
    configuration.durationMilliseconds = max(1, settings.maximumDurationMilliseconds / Int64(settings.clock))
    configuration.allowedOrigins = Set(settings.allowedOrigins)
    configuration.pages.folders = settings.pages
    configuration.pages.connectSources = settings.connectSources
    configuration.pages.about = settings.about
    configuration.pages.compress = { Gzip.compress($0, level: 9) }
    configuration.echoPort = settings.echoPort.map { UInt16($0) }
    return configuration
  }

  /// What a killed sender left is sent by the next sweep, as EventBridge Scheduler has it on AWS.
  static func schedules(_ functions: [FunctionConfiguration], sweepMilliseconds: Int64) -> [FunctionSchedule] {
    guard sweepMilliseconds > 0, functions.contains(where: { $0.name == "Publisher" }) else { return [] }
    let sweep = FunctionSchedule(
      "Publisher", payload: InternalInvocation.sweep.encoded(), everyMilliseconds: sweepMilliseconds)
    guard functions.contains(where: { $0.name == "StreamHandler" }) else { return [sweep] }
    // The investment protocol's interval; Scheduler's least is a minute.
    let eventStreams = FunctionSchedule(
      "Publisher", payload: InternalInvocation.sweepEventStreams.encoded(),
      everyMilliseconds: min(30_000, sweepMilliseconds))
    return [sweep, eventStreams]
  }

  /// The functions that can be run. One of the project's own that was not built is left out if no route needs it.
  private func configuredFunctions() throws(CommandFailure) -> [FunctionConfiguration] {
    var functions: [FunctionConfiguration] = []
    for (name, path) in settings.functions.sorted(by: { $0.key < $1.key }) {
      guard System.isExecutableFile(path: path) else {
        if isDispensable(name, path: path) {
          // Who asks for no path over HTTP misses nothing.
          if name == ServeHTTP.ownFunction { continue }
          terminal.note(
            "\(terminal.paint("without \(name)", colour: .yellow)): \(path) is not there; 'swift build' builds it")
          continue
        }
        throw Self.notExecutable(name, path: path)
      }
      var function = FunctionConfiguration(name: name, executable: System.absolutePath(path: path))
      function.maximumEnvironments = settings.environments
      settings.http.configure(
        &function, isReachedOverHTTP: settings.http.paths[name] != nil || name == ServeHTTP.ownFunction)
      functions.append(function)
    }
    return functions
  }

  private func isDispensable(_ name: String, path: String) -> Bool {
    let isOwn = path == Path.join(context.executableDirectory, name: name)
    return isOwn && !settings.routes.values.contains(name) && settings.http.paths[name] == nil
  }

  private static func notExecutable(_ name: String, path: String) -> CommandFailure {
    let isOwn = ServeSettings.ownFunctions.contains(name) || name == ServeHTTP.ownFunction
    return CommandFailure(
      code: .inputOutput,
      message:
        "the function \(name) cannot be run: \(path) is \(System.exists(path: path) ? "no executable file" : "not there")",
      advice: isOwn ? ["'swift build' builds the project's own functions beside this tool"] : [])
  }

  /// What the functions are told; relative paths would start from their own directories.
  private func preparedStore() throws(CommandFailure) -> String {
    guard let path = settings.sqlitePath else {
      do throws(RegionError) { _ = try Region.find(environment: context.environment) } catch {
        throw CommandFailure(code: .usage, message: "\(settings.store): \(error)")
      }
      return settings.store
    }
    let absolute = System.absolutePath(path: path)
    do {
      try System.makeDirectories(path: Path.directory(of: absolute) ?? "/")
    } catch {
      throw CommandFailure(
        code: .cannotCreate, message: "no directory for the table: \(error)",
        advice: ["--store sqlite:PATH chooses another"])
    }
    return "sqlite:\(absolute)"
  }

  private var access: String? { settings.variables["ACCESS"] ?? context.environment["ACCESS"] }

  func functionSettings(port: UInt16, store: String) -> FunctionSettings {
    var result = FunctionSettings()
    for name in FunctionSettings.inheritedNames {
      if let value = context.environment[name] { result.environment[name] = value }
    }
    if settings.sqlitePath == nil {
      // As 'tickertape keys' calls the same table. With a file they need none of it, and get none.
      result.environment.merge(
        AWSVariables.forCalls(as: context.environment, absolutePath: System.absolutePath)
      ) { $1 }
    }
    result.environment["CONNECTION_STORE"] = store
    result.environment["API_GATEWAY_ENDPOINT"] = "http://127.0.0.1:\(port)/\(settings.stage)"
    result.environment["AWS_ENDPOINT_URL_LAMBDA"] = "http://127.0.0.1:\(port)"
    result.environment["GREETING_FUNCTION"] = "DefaultHandler"
    result.environment["PUBLISHER_FUNCTION"] = "Publisher"
    result.environment["STAGE"] = settings.stage
    result.environment["AWS_LAMBDA_LOG_LEVEL"] = "\(settings.logLevel)".uppercased()
    for name in StreamLimits.variables { result.environment[name] = context.environment[name] }
    for name in AccessSettings.variables { result.environment[name] = context.environment[name] }
    for name in ["API_GATEWAY_SIGN", "EVENT_TYPES_FILE", "LISTENER_SHARDS", "METRICS"] + Self.streamVariables {
      result.environment[name] = context.environment[name]
    }
    // On a terminal a line of metrics after each invocation hides everything else.
    if settings.logLevel > .info, result.environment["METRICS"] == nil { result.environment["METRICS"] = "off" }
    result.environment.merge(settings.variables) { $1 }
    // A function starts in its own folder.
    for name in ServeSettings.fileVariables {
      guard let path = result.environment[name], !path.isEmpty else { continue }
      result.environment[name] = System.absolutePath(path: path)
    }
    result.writesReports = settings.logLevel <= .info
    return result
  }

  /// What StreamHandler reads of how streams are held.
  private static let streamVariables = [
    "STREAM_ROUTES_FILE", "STREAM_SLICE_SECONDS", "STREAM_KEEPALIVE_SECONDS", "STREAM_RETRY_MILLISECONDS",
    "STREAM_POLL_MILLISECONDS", "STREAM_PAD_BYTES", "STREAM_SECOND_CHUNK", "STREAM_WHOLE_ANSWERS",
  ]

  /// What the gateway itself has to say may quote a client too.
  private static func writeOwnLine(_ line: [UInt8]) {
    Log.writeToStandardOutput(Array(ScreenText.oneLine(line.dropLast()).utf8) + [0x0A])
  }

  /// A function's line behind its name. Where nobody reads any more, serving goes on.
  private static func show(_ line: FunctionLogLine, level: Log.Level, terminal: Terminal) {
    let text = ScreenText(own: ScreenText.oneLine(line.text))
    let name = terminal.paint("\(line.function) \(line.environment) |", colour: .dim)
    try? terminal.line("\(name) \(line.isReport ? terminal.paint(text, colour: .dim) : text)")
  }
}
