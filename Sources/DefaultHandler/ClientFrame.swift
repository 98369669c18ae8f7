import Connections
import JSON
import Messaging
import Telemetry

/// What a client says in one text frame.
enum ClientFrame: Equatable {
  case subscribe(SubscriptionRequest, count: Int64?)
  case unsubscribe(SubscriptionRequest, count: Int64?)
  case hello(Hello)
  case ping(count: Int64?)
  case pong
  case status

  /// The first frame of a client library, and again whenever no `ready` came.
  struct Hello: Equatable {
    var subscriptions: SubscriptionRequest
    var cursor: String?
    /// The newest event the client got of a stream since that cursor.
    var seen: [String: Int64] = [:]
    var accepts: Accepts = .parts
    /// The client's count of its hellos; every frame that answers this one bears it.
    var replay: Int64
  }

  /// Reads a frame. What is not known beside the known members is passed over.
  init(decoding bytes: [UInt8]) throws(FrameRefusal) {
    var members = FrameMembers()
    do {
      try members.read(bytes)
    } catch let refusal as FrameRefusal {
      throw refusal
    } catch {
      throw FrameRefusal(code: "not_json", message: "a frame is one JSON object: \(error)")
    }
    try self.init(members: members)
  }

  private init(members: FrameMembers) throws(FrameRefusal) {
    switch members.type {
    case "subscribe": self = .subscribe(try members.request("subscribe"), count: members.count)
    case "unsubscribe": self = .unsubscribe(try members.request("unsubscribe"), count: members.count)
    case "hello":
      self = .hello(
        Hello(
          subscriptions: members.request, cursor: members.cursor, seen: members.seen, accepts: members.accepts,
          replay: members.replay ?? members.count ?? 1))
    case "ping": self = .ping(count: members.count)
    case "pong": self = .pong
    case "status": self = .status
    case nil: throw FrameRefusal(code: "wrong_shape", message: "'type' is missing; \(Self.types)")
    case let type?:
      throw FrameRefusal(
        code: "unknown_type", message: "'\(type.prefix(64))' is no type of a client's frame; \(Self.types)")
    }
  }

  private static let types = "it is one of hello, subscribe, unsubscribe, ping, pong, status"
}

/// Why a frame is not taken, as its sender is told.
struct FrameRefusal: Error, Equatable {
  let code: String
  let message: String
  /// The message as it may stand in a log.
  let logText: LogText

  /// Without a `logText` the message is taken for one that repeats what the client wrote.
  init(code: String, message: String, logText: LogText? = nil) {
    self.code = code
    self.message = message
    self.logText = logText ?? LogText(masking: message)
  }
}

/// The members of a frame that any type of frame may have.
private struct FrameMembers {
  var type: String?
  var count: Int64?
  var replay: Int64?
  var cursor: String?
  var seen: [String: Int64] = [:]
  /// Whoever says hello joins parts.
  var accepts: Accepts = .parts
  private var eventTypes: [String] = []
  private var keys: [String] = []
  private var symbols: [String] = []
  private var dataTypes: [String] = []

  var request: SubscriptionRequest {
    SubscriptionRequest(eventTypes: eventTypes, keys: keys, symbols: symbols, dataTypes: dataTypes)
  }

  /// The request of a frame that must name something.
  func request(_ type: String) throws(FrameRefusal) -> SubscriptionRequest {
    guard !request.names.isEmpty else {
      throw FrameRefusal(
        code: "wrong_shape",
        message: "\(type) names no event type, as in {\"type\":\"\(type)\",\"eventTypes\":[\"price:update\"]}")
    }
    return request
  }

  mutating func read(_ bytes: [UInt8]) throws {
    var reader = JSONReader(bytes)
    let kind = try reader.peek()
    guard kind == .object else {
      // The kind is known by the first letter; whether it is JSON at all is not.
      try reader.skip()
      try reader.end()
      throw FrameRefusal(code: "wrong_shape", message: "a frame is an object, not \(kind.rawValue)")
    }
    try readObject(from: &reader)
    try reader.end()
  }

  private mutating func readObject(from reader: inout JSONReader) throws {
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if try reader.null() { continue }
      switch name {
      case "type": type = try string(name, reader: &reader)
      case "n": count = try integer(name, reader: &reader)
      case "replay": replay = try integer(name, reader: &reader)
      case "cursor": cursor = try string(name, reader: &reader)
      case "seen": try readSeen(from: &reader)
      case "accept":
        for word in try strings(name, reader: &reader) {
          // Others may come with later releases.
          if word == "batch" { accepts.insert(.batch) }
          if word == "gzip" { accepts.insert(.gzip) }
        }
      // {"type":"subscribe","data":{"eventTypes":[…]}}
      case "data": try readData(from: &reader)
      default: try readList(name, reader: &reader)
      }
    }
  }

  private mutating func readSeen(from reader: inout JSONReader) throws {
    guard try reader.peek() == .object else {
      throw FrameRefusal(code: "wrong_shape", message: "'seen' is an object of streams and sequence numbers")
    }
    try reader.beginObject()
    while let stream = try reader.nextKey() {
      let sequence = try integer("seen", reader: &reader)
      // A connection follows no more streams than it has subscriptions and groups.
      // Two names that Swift takes for equal strings may be two streams: the lower number loses nothing.
      if seen.count < Self.maximumSeen { seen[stream] = min(seen[stream] ?? .max, max(0, sequence)) }
    }
  }

  private static let maximumSeen = 512

  private mutating func readData(from reader: inout JSONReader) throws {
    guard try reader.peek() == .object else { return try reader.skip() }
    try reader.beginObject()
    while let name = try reader.nextKey() { try readList(name, reader: &reader) }
  }

  private mutating func readList(_ name: String, reader: inout JSONReader) throws {
    switch name {
    case "eventTypes", "event_types", "subscription", "subscriptions", "channels":
      eventTypes += try strings(name, reader: &reader)
    case "keys": keys += try strings(name, reader: &reader)
    case "symbols": symbols += try strings(name, reader: &reader)
    case "data_types": dataTypes += try strings(name, reader: &reader)
    default: try reader.skip()
    }
  }

  /// A list of strings, or one string for a list of one.
  private func strings(_ name: String, reader: inout JSONReader) throws -> [String] {
    if try reader.null() { return [] }
    switch try reader.peek() {
    case .string: return [try reader.string()]
    case .array:
      var list: [String] = []
      try reader.beginArray()
      while try reader.nextElement() { list.append(try string("\(name)[\(list.count)]", reader: &reader)) }
      return list
    case let kind:
      throw FrameRefusal(code: "wrong_shape", message: "'\(name)' is a list of strings, not \(kind.rawValue)")
    }
  }

  private func string(_ name: String, reader: inout JSONReader) throws -> String {
    let kind = try reader.peek()
    guard kind == .string else {
      throw FrameRefusal(code: "wrong_shape", message: "'\(name)' is a string, not \(kind.rawValue)")
    }
    return try reader.string()
  }

  private func integer(_ name: String, reader: inout JSONReader) throws -> Int64 {
    let kind = try reader.peek()
    guard kind == .number, let value = try? reader.integer() else {
      throw FrameRefusal(code: "wrong_shape", message: "'\(name)' is a whole number of 64 bits")
    }
    return value
  }
}
