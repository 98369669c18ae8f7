import Glibc
import Telemetry

/// Runs a handler under the AWS Lambda Runtime API.
public enum LambdaRuntime {
  /// Makes the handler, then answers one event after the other until Lambda ends the process.
  ///
  /// If the handler cannot be made, Lambda is told why (`init/error`) and the process exits with status 1; so it does
  /// when the Runtime API fails. Started by hand, without `AWS_LAMBDA_RUNTIME_API`, it says so and exits with status 78.
  public static func run<Handler: LambdaHandler>(_ makeHandler: @autoclosure () throws -> Handler) -> Never {
    exit(run(makeHandler, environment: .process))
  }

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
      log.log(.fatal, error.description)
    }
    return 1
  }

  /// `EX_CONFIG` of sysexits.h: a variable is missing or wrong.
  private static func refuseToStart(_ error: any Error) -> Int32 {
    let text = "\(error)\nAWS Lambda, or what stands in for it, starts this program and sets the variable.\n"
    _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    return 78
  }
}
