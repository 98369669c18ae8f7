import JSON

extension Event {
  /// What a publisher sends:
  ///
  ///     {"type":"price:update","key":"AAPL","data":{"price":152.50},
  ///      "user":"u-1",                    or "group":"desk-7", or "audience":"everyone" (as without any),
  ///                                       or "audience":{"user":"u-1"}
  ///      "priority":"high","correlationId":"…","timestamp":"2026-01-02T10:30:01.000Z","idempotencyKey":"…"}
  ///
  /// or the market data clients' StreamMessage, whose channel stands for type and key. Other members are the application's
  /// own and stay beside `data`.
  ///
  /// `range` of `bytes` must hold one valid JSON value, as `JSONReader.rawValue()` returns it. `id` and `timestamp` are
  /// used where the publisher gives no time of its own.
  package init(
    published bytes: [UInt8], in range: Range<Int>, id: String, timestamp: String
  ) throws(EventRefusal) {
    guard range.count <= Limit.eventBytes else {
      throw EventRefusal(bytes: range.count, maximum: Limit.eventBytes)
    }
    var fields = PublishedFields()
    do {
      try fields.read(bytes, in: range)
    } catch let refusal as EventRefusal {
      throw refusal
    } catch {
      throw EventRefusal(code: .invalidField, message: "\(error)")
    }
    try self.init(fields, id: id, timestamp: timestamp)
  }

  private init(_ fields: PublishedFields, id: String, timestamp: String) throws(EventRefusal) {
    var fields = fields
    guard let type = try fields.typeOrChannel() else {
      throw EventRefusal(code: .missingField, message: "'type' is required, for example \"price:update\"")
    }
    guard let data = fields.data else {
      throw EventRefusal(code: .missingField, message: "'data' is required: any JSON value")
    }
    self.init(
      type: type, key: fields.key, audience: fields.audience ?? .everyone, data: data, members: fields.own.object,
      id: id,
      timestamp: fields.timestamp ?? timestamp, priority: fields.priority, correlationID: fields.correlationID,
      idempotencyKey: fields.idempotencyKey)
  }
}

/// The fields of a published event while they are read.
private struct PublishedFields {
  var type: String?
  var key: String?
  var audience: Audience?
  var data: [UInt8]?
  var timestamp: String?
  var priority: Priority?
  var correlationID: String?
  var idempotencyKey: String?
  /// The application's.
  private(set) var own = ApplicationMembers()
  private var message = StreamMessage()
  private var seen: [String] = []

  mutating func read(_ bytes: [UInt8], in range: Range<Int>) throws {
    var reader = JSONReader(bytes, in: range, maximumDepth: Limit.eventDepth)
    let kind = try reader.peek()
    guard kind == .object else {
      throw EventRefusal(code: .notAnObject, message: "an event is an object, not \(kind.rawValue)")
    }
    try reader.beginObject()
    while let name = try reader.nextKey() {
      guard !seen.contains(name) else { throw EventRefusal(code: .repeatedField, message: "'\(name)' stands twice") }
      seen.append(name)
      try readField(name, reader: &reader)
    }
  }

  private mutating func readField(_ name: String, reader: inout JSONReader) throws {
    switch name {
    case "type": type = try readType(from: &reader)
    case "key":
      key = try text(
        name, reader: &reader, isAllowed: Name.isKey,
        allowed: "a string of 1 to \(Limit.keyBytes) bytes \(Name.rule), or absent")
    case "data": data = Array(try reader.rawValue())
    case "audience": try readAudience(from: &reader)
    case "user", "userId": try setAudience(.user(try user(name, reader: &reader)))
    case "group": try setAudience(.group(try group(name, reader: &reader)))
    case "timestamp":
      timestamp = try text(
        name, reader: &reader, isAllowed: Self.isTimestamp,
        allowed: "RFC 3339, for example \"2026-01-02T10:30:01.000Z\"")
    case "priority": priority = try readPriority(from: &reader)
    case "correlationId": correlationID = try text(name, reader: &reader, isAllowed: Name.isToken, allowed: Self.token)
    case "idempotencyKey":
      idempotencyKey = try text(name, reader: &reader, isAllowed: Name.isToken, allowed: Self.token)
    case StreamMessage.channel, StreamMessage.dataType, StreamMessage.symbol:
      message[name] = try text(name, reader: &reader, isAllowed: Name.isKey, allowed: Self.messageText)
    default: try own.read(name, from: &reader)
    }
  }

  /// The type; a StreamMessage has a channel in its place, which may say the key too.
  mutating func typeOrChannel() throws(EventRefusal) -> String? {
    guard type == nil else {
      guard let name = message.first else { return type }
      throw EventRefusal(
        code: .unknownField,
        message: "'\(name)' belongs to a message that has a channel and no 'type'; an event has a 'key'")
    }
    guard let channel = try message.resolved() else { return nil }
    guard Name.isType(channel.type) else {
      throw EventRefusal(
        code: .invalidField, message: "the type \"\(channel.type.prefix(64))\" must be \(Self.typeText)")
    }
    if let key, let other = channel.key, !key.hasSameBytes(as: other) {
      throw EventRefusal(code: .invalidField, message: "the channel is of \"\(other)\", but 'key' is another")
    }
    key = channel.key ?? key
    return channel.type
  }

  private func readType(from reader: inout JSONReader) throws -> String {
    guard let type = try text("type", reader: &reader, isAllowed: Name.isType, allowed: Self.typeText) else {
      throw EventRefusal(code: .invalidField, message: "'type' must be \(Self.typeText)")
    }
    guard !ControlType.isReserved(type) else {
      throw EventRefusal(
        code: .reservedType, message: "'type' may not be \"\(type)\": frames of the protocol bear that name")
    }
    return type
  }

  /// `"everyone"`, `{"user":"u-1"}` or `{"group":"desk-7"}`.
  private mutating func readAudience(from reader: inout JSONReader) throws {
    let refusal = EventRefusal(
      code: .invalidField, message: "'audience' must be \"everyone\", {\"user\":\"…\"} or {\"group\":\"…\"}")
    switch try reader.peek() {
    case .null: _ = try reader.null()
    case .string:
      guard try reader.string() == "everyone" else { throw refusal }
      try setAudience(.everyone)
    case .object:
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch name {
        case "user": try setAudience(.user(try user("audience.user", reader: &reader)))
        case "group": try setAudience(.group(try group("audience.group", reader: &reader)))
        default: throw refusal
        }
      }
      if audience == nil { throw refusal }
    default: throw refusal
    }
  }

  private mutating func setAudience(_ new: Audience) throws {
    guard audience == nil else {
      throw EventRefusal(
        code: .invalidField, message: "an event has one of 'audience', 'user' and 'group', not several")
    }
    audience = new
  }

  private func user(_ name: String, reader: inout JSONReader) throws -> String {
    let allowed = "a string of 1 to \(Limit.userBytes) bytes \(Name.rule)"
    guard let user = try text(name, reader: &reader, isAllowed: Name.isUser, allowed: allowed) else {
      throw EventRefusal(code: .invalidField, message: "'\(name)' must be \(allowed)")
    }
    return user
  }

  private func group(_ name: String, reader: inout JSONReader) throws -> String {
    let allowed = "a string of 1 to \(Limit.groupBytes) bytes \(Name.rule)"
    guard let group = try text(name, reader: &reader, isAllowed: Name.isGroup, allowed: allowed) else {
      throw EventRefusal(code: .invalidField, message: "'\(name)' must be \(allowed)")
    }
    return group
  }

  private func readPriority(from reader: inout JSONReader) throws -> Priority? {
    let text = try text(
      "priority", reader: &reader, isAllowed: { Priority(rawValue: $0) != nil }, allowed: "\"normal\" or \"high\"")
    return text.flatMap(Priority.init(rawValue:))
  }

  /// The string that stands next, or nil for `null`; refused unless `isAllowed`.
  private func text(
    _ name: String, reader: inout JSONReader, isAllowed: (String) -> Bool, allowed: String
  ) throws -> String? {
    if try reader.null() { return nil }
    guard try reader.peek() == .string, let text = try? reader.string(), isAllowed(text) else {
      throw EventRefusal(code: .invalidField, message: "'\(name)' must be \(allowed)")
    }
    return text
  }

  private static let typeText = "a string of 1 to \(Limit.typeBytes) bytes \(Name.rule) and '*'"
  private static let messageText = "a string of 1 to \(Limit.keyBytes) bytes \(Name.rule), or absent"

  private static let token = "a string of 1 to \(Limit.correlationBytes) bytes \(Name.rule)"

  /// The shape only: `dddd-dd-ddTdd:dd:dd`, then a fraction or none, then `Z` or an offset.
  private static func isTimestamp(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (20...40).contains(bytes.count) else { return false }
    let pattern = Array("0000-00-00T00:00:00".utf8)
    for (byte, expected) in zip(bytes, pattern) where !matches(byte, expected: expected) { return false }
    return bytes[19...].allSatisfy { isDigit($0) || $0 == 0x2E || $0 == 0x2B || $0 == 0x2D || $0 == 0x3A || $0 == 0x5A }
  }

  private static func matches(_ byte: UInt8, expected: UInt8) -> Bool {
    expected == UInt8(ascii: "0") ? isDigit(byte) : byte == expected
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}
