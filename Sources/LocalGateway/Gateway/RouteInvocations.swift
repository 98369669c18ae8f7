import LambdaEvents

/// An event on its way to the function of a route.
struct RouteInvocation {
  let route: GatewayRoute
  let event: [UInt8]
  let connection: ConnectionIdentity
  /// Called once, later.
  let completion: (InvocationOutcome) -> Void
}

/// What becomes of an event of a route, in the order of this file: it is sent; if something is to go wrong it waits for
/// the next one of its connection, or comes twice (`RouteInvocations+Faults.swift`); its function runs; the outcome
/// comes back.
final class RouteInvocations {
  let loop: EventLoop
  private let functions: any FunctionInvoker
  private let timeoutMilliseconds: Int64
  /// What is to go wrong, if anything.
  let faults: Faults?
  /// Those that wait for the next one of their connection.
  var delayed: [ConnectionKey: DelayedInvocation] = [:]
  /// Those that wait, and those whose outcome is still to come: stopping waits for both.
  private(set) var pendingCount = 0

  init(_ functions: any FunctionInvoker, timeoutMilliseconds: Int64, loop: EventLoop, faults: Faults?) {
    self.functions = functions
    self.timeoutMilliseconds = timeoutMilliseconds
    self.loop = loop
    self.faults = faults
  }

  func hasFunction(of route: GatewayRoute) -> Bool { functions.hasFunction(route.function) }

  func send(
    _ event: GatewayEvent, to route: GatewayRoute, of connection: ConnectionIdentity,
    completion: @escaping (InvocationOutcome) -> Void
  ) {
    let invocation = RouteInvocation(
      route: route, event: event.encoded(), connection: connection, completion: completion)
    guard let faults else { return run(invocation) }
    send(invocation, under: faults)
  }

  func run(_ invocation: RouteInvocation) {
    pendingCount += 1
    functions.invoke(
      invocation.route.function, payload: invocation.event, timeoutMilliseconds: timeoutMilliseconds
    ) { outcome in
      self.pendingCount -= 1
      invocation.completion(outcome)
    }
  }

  /// Does it when the time has passed, and counts it as pending until then.
  func postpone(byMilliseconds milliseconds: Int64, _ action: @escaping () -> Void) -> EventLoop.TimerID {
    pendingCount += 1
    return loop.schedule(afterMilliseconds: milliseconds) {
      action()
      self.pendingCount -= 1
    }
  }

  /// Does now what was put off.
  func hasten(_ timer: EventLoop.TimerID, _ action: () -> Void) {
    loop.cancel(timer)
    action()
    pendingCount -= 1
  }
}
