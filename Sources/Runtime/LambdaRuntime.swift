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
    if CommandLine.arguments.dropFirst().contains("--help") {
      write("\(help)\(help.isEmpty ? "" : "\n\n")\(runtimeHelp)", to: STDOUT_FILENO)
      exit(0)
    }
    exit(run(makeHandler, environment: .process))
  }

  private static let runtimeHelp = """
    It takes no arguments: AWS Lambda, or what stands in for it ('tickertape serve'), starts it, and AWS_LAMBDA_RUNTIME_API
    says where its events come from.

    """

  /// The exit status.
  private static func run<Handler: LambdaHandler>(
    _ makeHandler: () throws -> Handler, environment: Environment
  ) -> Int32 {
    let address: SocketAddress
    do {
      address = try SocketAddress(environment.required("AWS_LAMBDA_RUNTIME_API", example: "127.0.0.1:9001"))
    } catch {
      return refuseToStart(error)
    }
    let log = Log(minimum: environment["AWS_LAMBDA_LOG_LEVEL"].flatMap(Log.Level.init(name:)) ?? .info)
    let trace = TraceVariable()
    var loop = InvocationLoop(client: RuntimeClient(to: address), log: log, setTrace: trace.set)
    do {
      try loop.run(makeHandler)
    } catch {
      log.log(.fatal, LogText(error))
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
