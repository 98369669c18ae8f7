import Glibc

/// A function to be run: which program, with what around it.
package struct FunctionConfiguration: Sendable {
  package var name: String
  /// The program; a relative path is taken from the working directory of the gateway.
  package var executable: String
  /// Variables of the function's own; they win over everything but what Lambda reserves.
  package var environment: [String: String] = [:]
  /// By default the folder of the executable, which is also `LAMBDA_TASK_ROOT`.
  package var workingDirectory: String?
  /// For one invocation; Lambda allows 1 to 900.
  package var timeoutSeconds = 30
  /// Told to the function and shown in its reports; nothing holds it to that.
  package var memoryMegabytes = 128
  /// Processes of it at a time.
  package var maximumEnvironments = 10
  /// Invocations that one process runs at a time. Beyond one the process is told so in `AWS_LAMBDA_MAX_CONCURRENCY`, and
  /// asks for that many at once.
  package var invocationsPerEnvironment = 1
  /// Invocations of it at a time, in all its processes; what comes beyond is throttled. Nil: as many as may wait and run.
  package var reservedConcurrency: Int?
  /// The bounds of an answer that is streamed.
  var stream = AnswerLimits()
  /// The rate of such an answer after its first 6 MB; nil: no bound.
  package var streamBytesPerSecond: Int? {
    get { stream.bytesPerSecond }
    set { stream.bytesPerSecond = newValue }
  }
  /// Invocations that may wait for a process.
  package var queueLength = 10_000
  /// A process without work is ended after that many seconds.
  package var idleSeconds = 300
  /// From a process's start to its first call for an invocation; Lambda's limit is 10 seconds.
  package var initMilliseconds: Int64 = 10_000
  /// From the request to end (SIGTERM) to its death (SIGKILL).
  package var stopMilliseconds: Int64 = 2000

  package init(name: String, executable: String) {
    self.name = name
    self.executable = executable
  }

  var limits: FunctionPool.Limits {
    var limits = FunctionPool.Limits()
    limits.maximumEnvironments = max(1, maximumEnvironments)
    limits.slots = max(1, invocationsPerEnvironment)
    limits.concurrency = reservedConcurrency ?? .max
    limits.queueLength = queueLength
    limits.initMilliseconds = initMilliseconds
    limits.stopMilliseconds = stopMilliseconds
    limits.timeoutMilliseconds = Int64(timeoutSeconds) * 1000
    limits.idleMilliseconds = Int64(idleSeconds) * 1000
    return limits
  }

  /// The folder the function runs in.
  var taskRoot: String {
    if let workingDirectory { return workingDirectory }
    guard let slash = executable.lastIndex(of: "/") else { return "." }
    return slash == executable.startIndex ? "/" : String(executable[..<slash])
  }
}

/// What all functions of one gateway share.
package struct FunctionSettings: Sendable {
  /// In the functions' ARNs.
  package var region = "us-east-1"
  /// In the functions' ARNs.
  package var account = "000000000000"
  /// Variables every function gets unless it has its own: those of the gateway that name paths and languages, and
  /// what a composition adds.
  package var environment: [String: String] = [:]
  /// Whether START, END and REPORT lines are written, as Lambda writes them.
  package var writesReports = true
  /// Event invocations that fail are tried again after these pauses, in milliseconds (Lambda: one minute, then two).
  package var eventRetryMilliseconds: [Int64] = [1000, 2000]

  package init() {}

  /// The gateway's own variables that a function inherits: everything else stays outside, as it does on Lambda.
  package static let inheritedNames = ["PATH", "LANG", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "SSL_CERT_FILE"]

  func arn(_ function: String, qualifier: String? = nil) -> String {
    let suffix = qualifier.map { ":\($0)" } ?? ""
    return "arn:aws:lambda:\(region):\(account):function:\(function)\(suffix)"
  }
}

extension FunctionConfiguration {
  /// The variables of one process: Lambda's own (reserved), the credentials and language it may override.
  package func variables(
    _ settings: FunctionSettings, runtimeAPI: String, logStream: String
  ) -> [String: String] {
    var variables = [
      "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "AWS_ACCESS_KEY_ID": "local",
      "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local", "AWS_REGION": settings.region,
      "AWS_DEFAULT_REGION": settings.region, "TZ": ":UTC",
    ]
    variables.merge(settings.environment) { $1 }
    variables.merge(environment) { $1 }
    variables.merge(reserved(runtimeAPI: runtimeAPI, logStream: logStream)) { $1 }
    return variables
  }

  private func reserved(runtimeAPI: String, logStream: String) -> [String: String] {
    var variables = [
      "AWS_LAMBDA_RUNTIME_API": runtimeAPI, "AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
      "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "\(memoryMegabytes)", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
      "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/\(name)", "AWS_LAMBDA_LOG_STREAM_NAME": logStream,
      "LAMBDA_TASK_ROOT": taskRoot, "_HANDLER": environment["_HANDLER"] ?? "bootstrap",
    ]
    if invocationsPerEnvironment > 1 {
      variables["AWS_LAMBDA_MAX_CONCURRENCY"] = "\(invocationsPerEnvironment)"
      variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "lambda-managed-instances"
    }
    return variables
  }
}
