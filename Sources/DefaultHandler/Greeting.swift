import ConnectionStore
import Connections
import Frames
import LambdaEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry

// Who says no hello is greeted, once, before anything else it is sent as an answer: by the invocation that ConnectHandler
// asks for, or by its own first frame, whichever takes it on. `Connections.claimGreeting`.
extension Receive {
  /// The gateway may still be busy with `$connect`.
  static var greetingPauses: [Int64] { [50, 100, 200, 400, 800, 1_600, 1_850] }

  /// How long a frame's answer waits for a greeting that somebody else posts: a second in all.
  static var waitingPauses: [Int64] { [10, 20, 40, 80, 150, 200, 250, 250] }

  /// The invocation that ConnectHandler asks for, since nothing can be posted while `$connect` runs: the greeting, then the
  /// state.
  mutating func greet(_ destination: Destination, invocation: InvocationContext, log: Log) throws -> [UInt8] {
    let nothing = Array("{}".utf8)
    let id = destination.connectionID
    // Whoever has said hello needs no greeting.
    guard let record = try connections.connection(id: id), !record.accepts.contains(.parts) else { return nothing }
    let log = log.of(record)
    guard try greet(record: record, destination: destination, retrying: Self.greetingPauses) else {
      log.debug("connection left before it was greeted", ["connectionId": .identifier(id.text)])
      return nothing
    }
    try showState(of: record, destination: destination, invocation: invocation, log: log)
    return nothing
  }

  /// What a new connection is shown before anything live. Events may have come before; what comes after it is everything
  /// after it. Where there is no greeting, its first post is the one that may find `$connect` still running.
  private mutating func showState(
    of record: ConnectionRecord, destination: Destination, invocation: InvocationContext, log: Log
  ) throws {
    try pausing(
      record.streamsShownFirst(types: types), record: record, destination: destination, invocation: invocation,
      log: log,
      retrying: Self.greetingPauses
    ) { _ in }
  }

  /// Before the answer to a frame. An answer is given whether or not the greeting could be.
  mutating func greetFirst(record: ConnectionRecord, context: RequestContext, log: Log) {
    do {
      _ = try greet(record: record, destination: Destination(context: context), retrying: [])
    } catch {
      log.warn(
        "no greeting", ["connectionId": .identifier(record.id.text), "reason": .own(LogText(error))])
    }
  }

  /// Posts the greeting, if one is due and nobody else does; else waits for it. False: the client has left.
  private mutating func greet(
    record: ConnectionRecord, destination: Destination, retrying pauses: [Int64]
  ) throws -> Bool {
    guard record.isToBeGreeted, let frame = greetingFrame(of: record) else { return true }
    guard try connections.claimGreeting(of: record.id) else {
      try awaitGreeting(of: record.id)
      return true
    }
    guard try post(frame, to: destination, retrying: pauses) else { return false }
    try connections.recordGreeted(record.id)
    return true
  }

  private func awaitGreeting(of id: ConnectionID) throws(TableError) {
    for pause in Self.waitingPauses {
      guard try connections.connection(id: id)?.isToBeGreeted == true else { return }
      clock.pause(pause)
    }
  }

  /// Posts one frame to a connection whose `$connect` may not have ended yet. False: it has left.
  mutating func post(_ frame: [UInt8], to destination: Destination, retrying pauses: [Int64]) throws -> Bool {
    var pauses = pauses[...]
    while try outbox.post(frame, to: destination) == .gone {
      guard let pause = pauses.popFirst() else { return false }
      clock.pause(pause)
    }
    return true
  }

  /// What the clients of a dialect expect first, as the file of event types says; nil: nothing.
  private func greetingFrame(of record: ConnectionRecord) -> [UInt8]? {
    types.greeting(
      of: record.dialect,
      fields: GreetingFields(
        connectionID: record.id, user: record.principal.user, role: record.principal.role,
        timestamp: Timestamp.rfc3339(milliseconds: clock.milliseconds())))
  }
}

extension ConnectionRecord {
  fileprivate var isToBeGreeted: Bool {
    switch greeting {
    case .due, .claimed: !accepts.contains(.parts)
    case .none, .done: false
    }
  }
}
