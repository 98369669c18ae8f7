import Glibc
import JSON
import Telemetry

/// What goes wrong with a function's processes and with its table.
extension FunctionRunner {
  /// Lets a process be killed, or stopped for a while, in the middle of the invocation that it was just given.
  func prepareFaults(
    of environment: FunctionEnvironment, running delivery: Delivery, faults: Faults
  ) {
    for kind in [Fault.Kind.killed, .stopped] {
      let decision = faults.decide(kind, who: configuration.name) { isMeant(by: $0) }
      guard let decision else { continue }
      loop.schedule(afterMilliseconds: faults.delay(of: decision)) { [weak self, weak environment, weak delivery] in
        // It may have answered meanwhile; then nothing goes wrong.
        guard let self, let environment, delivery?.isRunning == true, faults.inject(decision) else { return }
        strike(environment: environment, fault: decision.fault)
      }
    }
  }

  private func strike(environment: FunctionEnvironment, fault: Fault) {
    guard fault.kind == .stopped else { return environment.signal(SIGKILL) }
    environment.signal(SIGSTOP)
    loop.schedule(afterMilliseconds: fault.milliseconds) { [weak environment] in environment?.signal(SIGCONT) }
  }

  private func isMeant(by fault: Fault) -> Bool { fault.function == nil || fault.function == configuration.name }

  // MARK: Tables

  /// What the functions' tables are told. Each process counts its own calls, under a name of its own.
  func tableFaultVariables(id: FunctionPool.EnvironmentID) -> [String: String] {
    guard let faults, let fault = faults.plan.tableFault, isMeant(by: fault) else { return [:] }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("seed", faults.plan.seed)
      writer.member("who", "\(configuration.name)/\(id)")
      writer.key("rate")
      writer.double(fault.rate)
      writer.member("outcome", fault.outcome.rawValue)
      writer.member("start", faults.startMilliseconds)
      if fault.from > 0 { writer.member("from", fault.from) }
      if fault.until < .max { writer.member("until", fault.until) }
      if fault.limit < .max { writer.member("limit", fault.limit) }
    }
    return ["TABLE_FAULTS": String(decoding: writer.bytes, as: UTF8.self)]
  }

  /// A function says itself when its table was made to fail.
  func countTableFault(in line: [UInt8], faults: Faults) {
    guard faults.plan.tableFault != nil, line.first == UInt8(ascii: "{") else { return }
    let text = String(decoding: line, as: UTF8.self)
    if text.holds(#""message":"fault injected","kind":"table-throttled""#) { faults.countTableFault() }
  }
}

extension Faults {
  /// What spoils a call of the Invoke API, logged and counted.
  func ofInvoke(_ function: String) -> Fault? {
    var found: Decision?
    for kind in [Fault.Kind.failed, .lost, .slow] {
      let decision = decide(kind, who: function) { $0.target.includes(.invokes) }
      found = found ?? decision
    }
    guard let found, inject(found) else { return nil }
    return found.fault
  }

  /// Whether an asynchronous invocation comes twice, as Lambda allows itself, and how much later.
  func duplicate(of function: String) -> Fault? {
    guard let found = decide(.duplicated, who: function, meaning: { $0.target.includes(.invokes) }), inject(found)
    else {
      return nil
    }
    return found.fault
  }
}
