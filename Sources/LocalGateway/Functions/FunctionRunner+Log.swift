/// The lines of a function's log, its own and Lambda's around them.
extension FunctionRunner {
  func wrote(_ line: [UInt8], from environment: FunctionEnvironment) {
    environment.deliveries.author?.invocation.record(line)
    if let faults { countTableFault(in: line, faults: faults) }
    onLogLine(
      FunctionLogLine(function: configuration.name, environment: environment.id, text: line, isReport: false))
  }

  func log(_ text: String, environment: FunctionEnvironment?, invocation: Invocation?) {
    let line = Array(text.utf8)
    invocation?.record(line)
    onLogLine(
      FunctionLogLine(
        function: configuration.name, environment: environment?.id ?? 0, text: line, isReport: true))
  }

  /// END and REPORT, after what the function has written up to its answer.
  func logEnd(_ delivery: Delivery, environment: FunctionEnvironment) {
    let invocation = delivery.invocation
    if settings.writesReports || invocation.context.wantsLog { environment.drainOutput() }
    guard settings.writesReports else { return }
    log(ReportLine.end(invocation.requestID), environment: environment, invocation: invocation)
    let report = ReportLine.report(
      invocation.requestID, microseconds: Stopwatch.microseconds() - delivery.deliveredAt,
      initMicroseconds: delivery.isFirst ? environment.readyAt.map { $0 - environment.startedAt } : nil,
      memoryMegabytes: configuration.memoryMegabytes, peakKilobytes: environment.peakKilobytes())
    log(report, environment: environment, invocation: invocation)
  }

  /// What went wrong, in the words the caller gets.
  func logFailure(_ failure: FunctionPool.Failure, invocation: Invocation, environment: FunctionEnvironment?) {
    guard settings.writesReports, failure != .throttled, failure != .callerTimedOut else { return }
    guard let message = failure.message(limits) else { return }
    environment?.drainOutput()
    log("RequestId: \(invocation.requestID) Error: \(message)", environment: environment, invocation: invocation)
  }

  func logFailedStart(environment: FunctionEnvironment, failure: FunctionPool.Failure) {
    guard settings.writesReports else { return }
    let microseconds = Stopwatch.microseconds() - environment.startedAt
    log(
      ReportLine.initReport(microseconds: microseconds, errorType: failure.errorType), environment: environment,
      invocation: nil)
  }
}
