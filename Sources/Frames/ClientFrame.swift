import JSON
package import Messaging

/// What a client says in one text frame: the server reads it, a client writes it.
package enum ClientFrame: Equatable {
  case subscribe(SubscriptionRequest, count: Int64?)
  case unsubscribe(SubscriptionRequest, count: Int64?)
  case hello(Hello)
  case ping(count: Int64?)
  case pong
  case status

  /// The first frame of a client library, and again whenever no `ready` came.
  package struct Hello: Equatable {
    package var subscriptions: SubscriptionRequest
    package var cursor: String?
    /// The newest event the client got of a stream since that cursor.
    package var seen: [String: Int64]
    package var accepts: Accepts
    /// The client's count of its hellos; every frame that answers this one bears it.
    package var replay: Int64

    package init(
      subscriptions: SubscriptionRequest, cursor: String? = nil, seen: [String: Int64] = [:],
      accepts: Accepts = .parts, replay: Int64
    ) {
      self.subscriptions = subscriptions
      self.cursor = cursor
      self.seen = seen
      self.accepts = accepts
      self.replay = replay
    }
  }

  // MARK: Reading

  /// Reads a frame. What is not known beside the known members is passed over.
  package init(decoding bytes: [UInt8]) throws(FrameRefusal) {
    var members = ClientFrameMembers()
    do {
      try members.read(bytes)
    } catch let refusal as FrameRefusal {
      throw refusal
    } catch {
      throw FrameRefusal(code: "not_json", message: "a frame is one JSON object: \(error)")
    }
    try self.init(members: members)
  }

  private init(members: ClientFrameMembers) throws(FrameRefusal) {
    guard let type = members.type else { throw .wrongShape("'type' is missing; \(Self.types)") }
    switch ControlType(rawValue: type) {
    case .subscribe: self = .subscribe(try members.request(.subscribe), count: members.count)
    case .unsubscribe: self = .unsubscribe(try members.request(.unsubscribe), count: members.count)
    case .hello:
      self = .hello(
        Hello(
          subscriptions: members.request, cursor: members.cursor, seen: members.seen, accepts: members.accepts,
          replay: members.replay ?? members.count ?? 1))
    case .ping: self = .ping(count: members.count)
    case .pong: self = .pong
    case .status: self = .status
    default:
      throw FrameRefusal(
        code: "unknown_type", message: "'\(type.prefix(64))' is no type of a client's frame; \(Self.types)")
    }
  }

  private static let types = "it is one of hello, subscribe, unsubscribe, ping, pong, status"

  // MARK: Writing

  package var bytes: [UInt8] {
    switch self {
    case .hello(let hello): hello.bytes
    case .subscribe(let request, let count): Self.object(.subscribe, request: request, count: count)
    case .unsubscribe(let request, let count): Self.object(.unsubscribe, request: request, count: count)
    case .ping(let count): JSONWriter.frame(.ping) { $0.member(Member.count, ifPresent: count) }
    case .pong: JSONWriter.frame(.pong) { _ in }
    case .status: JSONWriter.frame(.status) { _ in }
    }
  }

  private static func object(_ type: ControlType, request: SubscriptionRequest, count: Int64?) -> [UInt8] {
    JSONWriter.frame(type) { writer in
      writer.member(Member.count, ifPresent: count)
      request.write(to: &writer)
    }
  }
}

extension ClientFrame.Hello {
  /// API Gateway's limit on what comes in one frame.
  private static let frameBytes = 32 * 1024

  /// As much of `seen` goes into it as one frame holds. For what is left out the cursor speaks, so the server sends some
  /// events again, and they are dropped.
  fileprivate var bytes: [UInt8] {
    guard !seen.isEmpty else { return bytes(seen: []) }
    var room = Self.frameBytes - bytes(seen: []).count - #""seen":{},"#.utf8.count
    let reported = seen.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.prefix { stream, sequence in
      var writer = JSONWriter()
      writer.object { $0.member(stream, sequence) }
      // With a comma in the place of the braces.
      room -= writer.bytes.count - 1
      return room >= 0
    }
    return bytes(seen: reported.map { (stream: $0.key, sequence: $0.value) })
  }

  private func bytes(seen: [(stream: String, sequence: Int64)]) -> [UInt8] {
    JSONWriter.frame(.hello) { writer in
      writer.member(Member.count, replay)
      writer.member(Member.cursor, ifPresent: cursor)
      if !seen.isEmpty {
        writer.key(Member.seen)
        writer.object { writer in
          for (stream, sequence) in seen { writer.member(stream, sequence) }
        }
      }
      subscriptions.write(to: &writer)
      writer.member(Member.accept, list: accepts.names)
    }
  }
}

extension SubscriptionRequest {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.member(Member.eventTypes, list: names)
    if !keys.isEmpty { writer.member(Member.keys, list: keys) }
  }
}
