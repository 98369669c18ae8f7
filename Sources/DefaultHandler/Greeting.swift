import ConnectionStore
import Connections
import Frames
import JSON
import LambdaRuntime
import Messaging
import Telemetry

/// `{"greet":"CONNECTION","domainName":…,"stage":…}`: ConnectHandler asks for a greeting, since nothing can be posted
/// while `$connect` runs and the clients of some dialects say no hello.
struct Greeting: Equatable {
  let destination: Destination

  /// Nil for another payload.
  init?(decoding payload: [UInt8]) {
    guard payload.count < 2_048 else { return nil }
    var reader = JSONReader(payload)
    var members: [String: String] = [:]
    do {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch name {
        case "greet", "domainName", "stage": members[name] = try reader.string()
        default: return nil
        }
      }
      try reader.end()
    } catch {
      return nil
    }
    guard let id = members["greet"].flatMap(ConnectionID.init) else { return nil }
    destination = Destination(
      connectionID: id, domainName: members["domainName"] ?? "", stage: members["stage"] ?? "")
  }
}

extension Receive {
  /// The gateway may still be busy with `$connect`.
  static var greetingPauses: [Int64] { [50, 100, 200, 400, 800, 1_600, 1_850] }

  mutating func greet(_ greeting: Greeting, invocation: InvocationContext, log: Log) throws -> [UInt8] {
    let id = greeting.destination.connectionID
    // Whoever has said hello needs no greeting.
    guard let record = try connections.connection(id: id), !record.accepts.contains(.parts) else {
      return Array("{}".utf8)
    }
    if let frame = greetingFrame(of: record) {
      var pauses = Self.greetingPauses[...]
      while try outbox.post(frame, to: greeting.destination) == .gone {
        guard let pause = pauses.popFirst() else {
          log.debug("connection left before it was greeted", ["connectionId": .identifier(id.text)])
          return Array("{}".utf8)
        }
        clock.pause(pause)
      }
    }
    // Events may have come before; what comes after the state is everything after it.
    try pausing(
      record.subscribedStreams(types: types), record: record, destination: greeting.destination, invocation: invocation,
      log: log
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
