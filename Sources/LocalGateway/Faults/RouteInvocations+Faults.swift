/// An invocation that waits for the next one of its connection to overtake it.
struct DelayedInvocation {
  let run: () -> Void
  /// Ends the wait.
  let timer: EventLoop.TimerID
}

/// What goes wrong with the events of routes, in the order in which it is decided.
extension RouteInvocations {
  func send(_ invocation: RouteInvocation, under faults: Faults) {
    let connection = invocation.connection
    let duplicate = faults.decide(.duplicated, who: connection.name) { $0.target.includes(.routes) }
    let reordering = faults.decide(.reordered, who: connection.name)
    let run = {
      self.run(invocation)
      if let duplicate { self.runAgain(invocation, decision: duplicate, faults: faults) }
    }
    // Nothing comes of a connection before its $connect has answered, so that one cannot be overtaken.
    guard invocation.route.key != "$connect" else { return run() }
    if let overtaken = delayed.removeValue(forKey: connection.key) {
      run()
      return hasten(overtaken.timer, overtaken.run)
    }
    guard let reordering, faults.inject(reordering, connectionID: connection.key.text) else { return run() }
    delay(of: connection.key, milliseconds: reordering.fault.milliseconds, run)
  }

  /// Until the next event of the connection, or the fault's time.
  private func delay(of key: ConnectionKey, milliseconds: Int64, _ run: @escaping () -> Void) {
    let timer = postpone(byMilliseconds: milliseconds) { self.delayed.removeValue(forKey: key)?.run() }
    delayed[key] = DelayedInvocation(run: run, timer: timer)
  }

  /// How the second one went is not told.
  private func runAgain(_ invocation: RouteInvocation, decision: Faults.Decision, faults: Faults) {
    guard faults.inject(decision, connectionID: invocation.connection.key.text) else { return }
    let again = RouteInvocation(
      route: invocation.route, event: invocation.event, connection: invocation.connection, completion: { _ in })
    guard decision.fault.milliseconds > 0 else { return run(again) }
    _ = postpone(byMilliseconds: decision.fault.milliseconds) { self.run(again) }
  }

  func losesDisconnect(of connection: ConnectionIdentity) -> Bool {
    guard let faults, let decision = faults.decide(.lostDisconnect, who: connection.name) else { return false }
    return faults.inject(decision, connectionID: connection.key.text)
  }
}
