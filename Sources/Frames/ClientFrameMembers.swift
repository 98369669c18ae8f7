import JSON
import Messaging

/// The members of a client's frame that any type of frame may have.
struct ClientFrameMembers {
  private(set) var type: String?
  private(set) var count: Int64?
  private(set) var replay: Int64?
  private(set) var cursor: String?
  private(set) var seen: [String: Int64] = [:]
  /// Whoever says hello joins parts.
  private(set) var accepts: Accepts = .parts
  private var eventTypes: [String] = []
  private var keys: [String] = []
  private var symbols: [String] = []
  private var dataTypes: [String] = []

  var request: SubscriptionRequest {
    SubscriptionRequest(eventTypes: eventTypes, keys: keys, symbols: symbols, dataTypes: dataTypes)
  }

  /// The request of a frame that must name something.
  func request(_ type: ControlType) throws(FrameRefusal) -> SubscriptionRequest {
    guard !request.names.isEmpty else {
      let type = type.rawValue
      throw .wrongShape(
        "\(type) names no event type, as in {\"type\":\"\(type)\",\"eventTypes\":[\"price:update\"]}")
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
      throw FrameRefusal.wrongShape("a frame is an object, not \(kind.rawValue)")
    }
    try readObject(from: &reader)
    try reader.end()
  }

  private mutating func readObject(from reader: inout JSONReader) throws {
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if try reader.null() { continue }
      switch name {
      case Member.type: type = try string(name, reader: &reader)
      case Member.count: count = try integer(name, reader: &reader)
      case Member.replay: replay = try integer(name, reader: &reader)
      case Member.cursor: cursor = try string(name, reader: &reader)
      case Member.seen: try readSeen(from: &reader)
      case Member.accept: accepts.formUnion(Accepts(names: try strings(name, reader: &reader)))
      // {"type":"subscribe","data":{"eventTypes":[…]}}
      case Member.data: try readData(from: &reader)
      default: try readList(name, reader: &reader)
      }
    }
  }

  private mutating func readSeen(from reader: inout JSONReader) throws {
    guard try reader.peek() == .object else {
      throw FrameRefusal.wrongShape("'seen' is an object of streams and sequence numbers")
    }
    try reader.beginObject()
    while let stream = try reader.nextKey() {
      let sequence = try integer(Member.seen, reader: &reader)
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
    case Member.eventTypes, "event_types", "subscription", "subscriptions", "channels":
      eventTypes += try strings(name, reader: &reader)
    case Member.keys: keys += try strings(name, reader: &reader)
    case "symbols": symbols += try strings(name, reader: &reader)
    case "data_types": dataTypes += try strings(name, reader: &reader)
    default: try reader.skip()
    }
  }

  // MARK: Kinds

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
    case let kind: throw FrameRefusal.wrongShape("'\(name)' is a list of strings, not \(kind.rawValue)")
    }
  }

  private func string(_ name: String, reader: inout JSONReader) throws -> String {
    let kind = try reader.peek()
    guard kind == .string else { throw FrameRefusal.wrongShape("'\(name)' is a string, not \(kind.rawValue)") }
    return try reader.string()
  }

  private func integer(_ name: String, reader: inout JSONReader) throws -> Int64 {
    let kind = try reader.peek()
    guard kind == .number, let value = try? reader.integer() else {
      throw FrameRefusal.wrongShape("'\(name)' is a whole number of 64 bits")
    }
    return value
  }
}

extension Accepts {
  private static let named: [(name: String, accepts: Accepts)] = [
    ("batch", .batch), ("gzip", .gzip), ("parts", .parts),
  ]

  /// As a hello names them; others may come with later releases.
  init(names: [String]) {
    self = []
    for (name, accepts) in Self.named where names.contains(name) { insert(accepts) }
  }

  var names: [String] { Self.named.filter { contains($0.accepts) }.map(\.name) }
}
