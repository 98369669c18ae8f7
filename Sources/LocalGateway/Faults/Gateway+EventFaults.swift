/// An event that waits for the next one of its connection to overtake it.
struct DelayedEvent {
  /// Gives it to its function.
  let give: () -> Void
  /// Ends the wait.
  let timer: EventLoop.TimerID
}

/// What goes wrong with the events that routes give to their functions.
extension Gateway {
  func invoke(
    _ route: GatewayRoute, event: [UInt8], of identity: ConnectionIdentity, under faults: Faults,
    completion: @escaping (InvocationOutcome) -> Void
  ) {
    let duplicate = faults.decide(.duplicated, who: identity.name) { $0.target.includes(.routes) }
    let reordering = faults.decide(.reordered, who: identity.name)
    let give = {
      self.give(event, to: route, completion: completion)
      if let duplicate { self.giveAgain(event, to: route, decision: duplicate, of: identity) }
    }
    // Nothing comes of a connection before its $connect has answered, so that one cannot be overtaken.
    guard route.key != "$connect" else { return give() }
    if let delayed = delayedEvents[identity.key] {
      loop.cancel(delayed.timer)
      give()
      return giveDelayed(of: identity.key)
    }
    guard let reordering, faults.inject(reordering, connectionID: identity.key.text) else { return give() }
    // Until the next event of the connection, or the fault's time.
    awaitInvocation()
    let timer = loop.schedule(afterMilliseconds: reordering.fault.milliseconds) { self.giveDelayed(of: identity.key) }
    delayedEvents[identity.key] = DelayedEvent(give: give, timer: timer)
  }

  /// Nobody hears how the second invocation went.
  private func giveAgain(
    _ event: [UInt8], to route: GatewayRoute, decision: Faults.Decision, of identity: ConnectionIdentity
  ) {
    guard let faults, faults.inject(decision, connectionID: identity.key.text) else { return }
    guard decision.fault.milliseconds > 0 else { return give(event, to: route) { _ in } }
    awaitInvocation()
    loop.schedule(afterMilliseconds: decision.fault.milliseconds) {
      self.give(event, to: route) { _ in }
      self.invocationEnded()
    }
  }

  private func giveDelayed(of key: ConnectionKey) {
    delayedEvents.removeValue(forKey: key)?.give()
    invocationEnded()
  }

  func isDisconnectLost(of identity: ConnectionIdentity, faults: Faults) -> Bool {
    guard let decision = faults.decide(.lostDisconnect, who: identity.name) else { return false }
    return faults.inject(decision, connectionID: identity.key.text)
  }
}
