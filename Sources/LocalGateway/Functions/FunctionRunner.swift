import Glibc
import LambdaEvents
import Telemetry

/// Runs one function: does what its pool decides, and tells the pool what happened.
final class FunctionRunner {
  let configuration: FunctionConfiguration
  let settings: FunctionSettings
  let loop: EventLoop
  private let buffer: ReadBuffer
  private let randomness: Randomness
  let faults: Faults?
  let onLogLine: (FunctionLogLine) -> Void
  let limits: FunctionPool.Limits

  var pool: FunctionPool
  var environments: [FunctionPool.EnvironmentID: FunctionEnvironment] = [:]
  var invocations: [FunctionPool.InvocationID: Invocation] = [:]
  private var invocationsMade = 0
  /// The moment the one timer of this function is set to; it is moved forward only, so that an invocation costs none.
  private var wake = Int64.max
  private var timer: EventLoop.TimerID?
  private var onStopped: (() -> Void)?

  init(
    configuration: FunctionConfiguration, settings: FunctionSettings, loop: EventLoop,
    buffer: ReadBuffer, randomness: Randomness, faults: Faults? = nil, onLogLine: @escaping (FunctionLogLine) -> Void
  ) {
    self.configuration = configuration
    self.settings = settings
    self.loop = loop
    self.buffer = buffer
    self.randomness = randomness
    self.faults = faults
    self.onLogLine = onLogLine
    limits = configuration.limits
    pool = FunctionPool(limits: limits)
  }

  var now: Int64 { loop.clock.monotonicMilliseconds() }

  // MARK: Invoking and stopping

  func invoke(
    payload: [UInt8], context: Invocation.Context, timeoutMilliseconds: Int64,
    receiver: (any AnswerReceiver)? = nil, completion: @escaping (Invocation.Result) -> Void
  ) {
    invocationsMade += 1
    let now = now
    let (deadline, overflows) = now.addingReportingOverflow(timeoutMilliseconds)
    invocations[invocationsMade] = Invocation(
      requestID: context.requestID ?? randomness.uuid(), payload: payload, context: context, receiver: receiver,
      completion: completion)
    perform(
      pool.invoke(
        id: invocationsMade, bytes: payload.count, callerDeadline: overflows ? .max : deadline,
        isInBackground: InternalInvocation(decoding: payload)?.isInBackground ?? false, now: now))
  }

  /// Fails what waits and runs, asks every process to end, kills it when it does not; then calls `completion`.
  func stop(_ completion: @escaping () -> Void) {
    onStopped = completion
    perform(pool.stop(now: now))
    loop.schedule(afterMilliseconds: 0) { self.reportIfStopped() }
  }

  /// Ends every process at once, with all it started.
  func kill() {
    for environment in environments.values { environment.signal(SIGKILL) }
  }

  func reportIfStopped() {
    guard environments.isEmpty, let onStopped else { return }
    self.onStopped = nil
    if let timer { loop.cancel(timer) }
    onStopped()
  }

  // MARK: Actions

  func perform(_ actions: [FunctionPool.Action]) {
    for action in actions {
      switch action {
      case .start(let id): start(id: id)
      case .deliver(let id, let environment): deliver(id: id, to: environment)
      case .fail(let id, let failure): fail(id: id, failure: failure)
      case .terminate(let id): environments[id]?.signal(SIGTERM)
      case .kill(let id): environments[id]?.signal(SIGKILL)
      }
    }
    setTimer()
  }

  private func setTimer() {
    guard pool.nextWake < wake else { return }
    if let timer { loop.cancel(timer) }
    wake = pool.nextWake
    timer = loop.schedule(afterMilliseconds: max(0, wake - now)) { [weak self] in self?.tick() }
  }

  private func tick() {
    wake = .max
    timer = nil
    perform(pool.tick(now: now))
  }

  private func start(id: FunctionPool.EnvironmentID) {
    let environment = FunctionEnvironment(id: id, slots: limits.slots, owner: self)
    environments[id] = environment
    do throws(SystemError) {
      try environment.start(on: loop, buffer: buffer) { address in command(id: id, runtimeAPI: address) }
    } catch {
      let failure = notStarted(error)
      // Later, so that a start that fails at once cannot call itself.
      loop.schedule(afterMilliseconds: 0) { self.ended(environment: environment, failure: failure) }
    }
  }

  private func command(id: FunctionPool.EnvironmentID, runtimeAPI: String) -> ChildProcess.Command {
    let stream = "local/[$LATEST]\(randomness.hexadecimal())"
    let variables = configuration.variables(settings, runtimeAPI: runtimeAPI, logStream: stream)
    return ChildProcess.Command(
      executable: configuration.executable,
      environment: variables.merging(tableFaultVariables(id: id)) { $1 },
      workingDirectory: configuration.taskRoot)
  }

  private func notStarted(_ error: SystemError) -> FunctionPool.Failure {
    guard error.call == "start" else {
      return .notStarted(type: "Sandbox.Failure", message: "\(error)")
    }
    if access(configuration.taskRoot, X_OK) != 0 {
      let reason = SystemError("chdir", subject: configuration.taskRoot)
      return .notStarted(type: "Runtime.InvalidWorkingDir", message: "\(reason)")
    }
    return .notStarted(type: "Runtime.InvalidEntrypoint", message: "cannot start the function: \(error)")
  }

  /// The caller is told later: it may be in the middle of its call.
  private func fail(id: FunctionPool.InvocationID, failure: FunctionPool.Failure) {
    guard let invocation = invocations[id] else { return }
    let environment = environments.values.first { $0.deliveries.isRunning(id) }
    // A function that goes on for nobody, or is being killed, is reported once it has ended.
    if environment == nil { invocations[id] = nil }
    logFailure(failure, invocation: invocation, environment: environment)
    if failure != .callerTimedOut { environment?.deliveries[id]?.answer?.breakOff(.timedOut) }
    let outcome = failure.outcome(requestID: invocation.requestID, limits: limits)
    loop.schedule(afterMilliseconds: 0) { invocation.complete(outcome) }
  }

  private func deliver(id: FunctionPool.InvocationID, to environmentID: FunctionPool.EnvironmentID) {
    guard let invocation = invocations[id], let environment = environments[environmentID] else { return }
    // A second delivery of the same is no second start.
    let isFirst = !environment.deliveries.isRunning(id)
    if isFirst, settings.writesReports {
      log(ReportLine.start(invocation.requestID), environment: environment, invocation: invocation)
    }
    let delivery = environment.deliver(id: id, invocation: invocation, headers: headers(invocation))
    if isFirst, let faults { prepareFaults(of: environment, running: delivery, faults: faults) }
  }

  private func headers(_ invocation: Invocation) -> [(name: String, value: String)] {
    let context = invocation.context
    let deadline = loop.clock.milliseconds() + limits.timeoutMilliseconds
    var headers = [
      (name: "Content-Type", value: "application/json"),
      (name: "Lambda-Runtime-Aws-Request-Id", value: invocation.requestID),
      (name: "Lambda-Runtime-Deadline-Ms", value: "\(deadline)"),
      (
        name: "Lambda-Runtime-Invoked-Function-Arn",
        value: settings.arn(configuration.name, qualifier: context.qualifier)
      ),
      (name: "Lambda-Runtime-Trace-Id", value: context.traceID ?? traceID()),
    ]
    if let value = context.clientContext { headers.append(("Lambda-Runtime-Client-Context", value)) }
    if let value = context.tenantID { headers.append(("Lambda-Runtime-Aws-Tenant-Id", value)) }
    return headers
  }

  private func traceID() -> String {
    "\(TraceID.makeRoot(loop.clock, randomness: randomness));Parent=\(randomness.hexadecimal());Sampled=0"
  }
}
