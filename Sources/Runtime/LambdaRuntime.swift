import Glibc

/// Runs a handler under the AWS Lambda Runtime API.
public enum LambdaRuntime {
  /// Makes the handler, then answers one event after the other until Lambda ends the process.
  public static func run<Handler: LambdaHandler>(_ makeHandler: @autoclosure () throws -> Handler) -> Never {
    exit(1)
  }
}
