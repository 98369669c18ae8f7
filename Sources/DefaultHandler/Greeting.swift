import ConnectionStore
import Connections
import Frames
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry

extension Receive {
  /// The gateway may still be busy with `$connect`.
  static var greetingPauses: [Int64] { [50, 100, 200, 400, 800, 1_600, 1_850] }

  /// The greeting that ConnectHandler asks for, since nothing can be posted while `$connect` runs and the clients of
  /// some dialects say no hello.
  mutating func greet(_ destination: Destination, invocation: InvocationContext, log: Log) throws -> [UInt8] {
    let id = destination.connectionID
    // Whoever has said hello needs no greeting.
    guard let record = try connections.connection(id: id), !record.accepts.contains(.parts) else {
      return Array("{}".utf8)
    }
    let log = log.of(record)
    if let frame = greetingFrame(of: record) {
      var pauses = Self.greetingPauses[...]
      while try outbox.post(frame, to: destination) == .gone {
        guard let pause = pauses.popFirst() else {
          log.debug("connection left before it was greeted", ["connectionId": .identifier(id.text)])
          return Array("{}".utf8)
        }
        clock.pause(pause)
      }
    }
    // Events may have come before; what comes after the state is everything after it.
    try pausing(
      record.streamsShownFirst(types: types), record: record, destination: destination, invocation: invocation, log: log
    ) { _ in }
    return Array("{}".utf8)
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
