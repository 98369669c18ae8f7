import Glibc
import Telemetry

/// Runs a handler under the AWS Lambda Runtime API.
public enum LambdaRuntime {
  /// Makes the handler, then answers one event after the other until Lambda ends the process.
  ///
  /// If the handler cannot be made, Lambda is told why (`init/error`) and the process exits with status 1; so it does
  /// when the Runtime API fails. Started by hand, without `AWS_LAMBDA_RUNTIME_API`, it says so and exits with status
  /// 78.
  ///
  /// `help` is what `--help` shows before that: what the handler does, and the variables it reads.
  public static func run<Handler: LambdaHandler>(
    _ makeHandler: @autoclosure () throws -> Handler, help: String = ""
  ) -> Never {
    showHelp(help)
    exit(
      run(environment: .process) { settings throws(RuntimeAPIError) in
        let trace = TraceVariable()
        var loop = InvocationLoop(client: RuntimeClient(to: settings.address), log: settings.log, setTrace: trace.set)
        try loop.run(makeHandler)
      })
  }

  /// As above, for a handler whose answers are streamed. `AWS_LAMBDA_MAX_CONCURRENCY` says how many answers are open at
  /// once; without it, as on ordinary functions, there is one.
  public static func run<Handler: StreamingLambdaHandler>(
    streaming makeHandler: @autoclosure () throws -> Handler, help: String = ""
  ) -> Never {
    showHelp(help)
    exit(
      run(environment: .process) { settings throws(RuntimeAPIError) in
        var client = RuntimeClient(to: settings.address)
        guard let handler = try client.start(makeHandler, log: settings.log) else { return }
        let trace = TraceVariable()
        var streams = StreamingGround(address: settings.address, log: settings.log)
        streams.concurrency = settings.concurrency
        streams.setTrace = trace.set
        var loop = StreamingLoop(handler, on: streams)
        try loop.run()
      })
  }

  private static func showHelp(_ help: String) {
    guard CommandLine.arguments.dropFirst().contains("--help") else { return }
    write("\(help)\(help.isEmpty ? "" : "\n\n")\(runtimeHelp)", to: STDOUT_FILENO)
    exit(0)
  }

  private static let runtimeHelp = """
    It takes no arguments: AWS Lambda, or what stands in for it ('tickertape serve'), starts it, and AWS_LAMBDA_RUNTIME_API
    says where its events come from.

    """

  /// The exit status.
  private static func run(
    environment: Environment, _ loop: (RuntimeSettings) throws(RuntimeAPIError) -> Void
  ) -> Int32 {
    let settings: RuntimeSettings
    do {
      settings = try RuntimeSettings(environment)
    } catch {
      return refuseToStart(error)
    }
    do {
      try loop(settings)
    } catch {
      settings.log.log(.fatal, LogText(error))
    }
    return 1
  }

  /// `EX_CONFIG` of sysexits.h: a variable is missing or wrong.
  private static func refuseToStart(_ error: any Error) -> Int32 {
    write(
      "\(error)\nAWS Lambda, or what stands in for it, starts this program and sets the variable.\n", to: STDERR_FILENO)
    return 78
  }

  private static func write(_ text: String, to descriptor: Int32) {
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
  }
}
