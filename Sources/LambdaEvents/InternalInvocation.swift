import JSON
package import Messaging

/// What one function of the project asks of another, or a schedule asks of one. Its answer is not waited for.
///
///     {"sendPending":"all/price:update"}                  to the Publisher
///     {"greet":"R0oXAdfD0kwCH6w=","domainName":"abc.execute-api.eu-west-1.amazonaws.com","stage":"prod"}
///                                                         to DefaultHandler
package enum InternalInvocation: Equatable, Sendable {
  /// Of the Publisher: send what the log of that stream holds.
  case sendPending(stream: String)
  /// Of the Publisher: send the lagging connections of that stream what they lack.
  case lag(stream: String)
  /// Of the Publisher, each minute: look after every stream that had an append lately.
  case sweep
  /// Of the Publisher, more often where it costs nothing: take away what functions that died have left of event streams. A
  /// sweep does that too.
  case sweepEventStreams
  /// Of DefaultHandler: greet a client that says no hello. Nothing can be posted while its `$connect` runs.
  case greet(Destination)

  /// Long enough for any stream's name and any domain's.
  private static let maximumBytes = 4_096

  /// The first member says which it is; nil for every other payload. Most are decided by that member.
  package init?(decoding payload: [UInt8]) {
    guard payload.count <= Self.maximumBytes else { return nil }
    var reader = JSONReader(payload)
    do {
      try reader.beginObject()
      guard let name = try reader.nextKey(), let invocation = try Self.read(named: name, from: &reader) else {
        return nil
      }
      try reader.end()
      self = invocation
    } catch {
      return nil
    }
  }

  private static func read(named name: String, from reader: inout JSONReader) throws(JSONError) -> Self? {
    let invocation: Self
    switch name {
    case "sendPending": invocation = .sendPending(stream: try reader.string())
    case "lag": invocation = .lag(stream: try reader.string())
    case "sweep":
      try reader.skip()
      invocation = .sweep
    case "sweepEventStreams":
      try reader.skip()
      invocation = .sweepEventStreams
    case "greet": return try readGreeting(from: &reader)
    default: return nil
    }
    return try reader.nextKey() == nil ? invocation : nil
  }

  private static func readGreeting(from reader: inout JSONReader) throws(JSONError) -> Self? {
    guard let id = ConnectionID(try reader.string()) else { return nil }
    var domainName = ""
    var stage = ""
    while let name = try reader.nextKey() {
      switch name {
      case "domainName": domainName = try reader.string()
      case "stage": stage = try reader.string()
      default: return nil
      }
    }
    return .greet(Destination(connectionID: id, domainName: domainName, stage: stage))
  }

  package func encoded() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      switch self {
      case .sendPending(let stream): writer.member("sendPending", stream)
      case .lag(let stream): writer.member("lag", stream)
      case .sweep:
        writer.key("sweep")
        writer.object { _ in }
      case .sweepEventStreams:
        writer.key("sweepEventStreams")
        writer.object { _ in }
      case .greet(let destination):
        writer.member("greet", destination.connectionID.text)
        writer.member("domainName", destination.domainName)
        writer.member("stage", destination.stage)
      }
    }
    return writer.bytes
  }
}
