import Telemetry

/// What Lambda says to the process in its environment.
struct RuntimeSettings {
  let address: SocketAddress
  let log: Log
  /// How many invocations the process is to serve at once: `AWS_LAMBDA_MAX_CONCURRENCY`, which Lambda sets on Managed
  /// Instances alone.
  let concurrency: Int

  /// More would not find a descriptor each.
  static let maximumConcurrency = 1_000
  /// For the log, files of the handler, and its connections to others.
  private static let otherDescriptors = 24

  init(_ environment: Environment, maximumDescriptors: Int = SocketCalls.maximumDescriptors) throws {
    address = try SocketAddress(environment.required("AWS_LAMBDA_RUNTIME_API", example: "127.0.0.1:9001"))
    log = Log(minimum: environment["AWS_LAMBDA_LOG_LEVEL"].flatMap(Log.Level.init(name:)) ?? .info)
    let asked = try Self.concurrency(environment)
    concurrency = min(asked, Self.maximumConcurrency, max(1, maximumDescriptors - Self.otherDescriptors))
    if concurrency < asked {
      log.warn(
        "fewer invocations at once than AWS_LAMBDA_MAX_CONCURRENCY asks for: each takes a descriptor",
        ["asked": .number(Int64(asked)), "served": .number(Int64(concurrency))])
    }
  }

  private static func concurrency(_ environment: Environment) throws(ConcurrencyError) -> Int {
    guard let text = environment["AWS_LAMBDA_MAX_CONCURRENCY"] else { return 1 }
    guard let number = Int(text), number > 0 else { throw ConcurrencyError(text: text) }
    return number
  }
}

private struct ConcurrencyError: Error, CustomStringConvertible {
  let text: String

  var description: String {
    """
    AWS_LAMBDA_MAX_CONCURRENCY is '\(text.prefix(32))', not a number of at least 1; for example \
    AWS_LAMBDA_MAX_CONCURRENCY=8
    """
  }
}
