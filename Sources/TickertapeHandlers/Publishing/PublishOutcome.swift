import JSON

/// What the Publisher says of the events that it was sent.
public struct PublishOutcome: Equatable, Sendable {
  /// An event that was refused. It would be refused again.
  ///
  /// It can be thrown, where a refused event is to fail what published it:
  ///
  ///     if let rejection = outcome.rejected.first { throw rejection }
  public struct Rejection: Error, Equatable, Sendable, CustomStringConvertible {
    /// Its place among the events that were published together, from 0; nil: all of them were refused.
    public let index: Int?
    /// `missing_field`, `invalid_field`, `reserved_type`, `too_large`, `idempotency_key_taken`, and others that may come.
    public let code: String
    /// What was wrong with it and what is allowed.
    public let message: String

    /// `too_large: an event has at most …`
    public var description: String { "\(code): \(message)" }
  }

  /// How many events stand in the log: their clients get them, now or when they come back.
  public let accepted: Int
  /// The events that do not.
  public let rejected: [Rejection]
  /// How many frames have been sent for them by now.
  public let deliveries: Int
  /// How many of the accepted events another invocation sends.
  public let queued: Int

  /// `{"accepted":1,"rejected":1,"deliveries":3,…,"errors":[{"index":1,"code":"…","message":"…"}]}`
  init(decoding bytes: [UInt8]) throws(JSONError) {
    var (accepted, deliveries, queued) = (Int64?.none, Int64(0), Int64(0))
    var rejected: [Rejection] = []
    var reader = JSONReader(bytes)
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "accepted": accepted = try reader.integer()
      case "deliveries": deliveries = try reader.integer()
      case "queued": queued = try reader.integer()
      case "errors":
        try reader.beginArray()
        while try reader.nextElement() { rejected.append(try Rejection(from: &reader)) }
      default: try reader.skip()
      }
    }
    try reader.end()
    guard let accepted else {
      throw JSONError(.wrongKind(expected: "a member 'accepted'", found: .object), offset: 0)
    }
    self.accepted = Int(accepted)
    self.rejected = rejected
    self.deliveries = Int(deliveries)
    self.queued = Int(queued)
  }
}

extension PublishOutcome.Rejection {
  fileprivate init(from reader: inout JSONReader) throws(JSONError) {
    var index: Int?
    var (code, message) = ("", "")
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "index": index = Int(try reader.integer())
      case "code": code = try reader.string()
      case "message": message = try reader.string()
      default: try reader.skip()
      }
    }
    self.init(index: index, code: code, message: message)
  }
}
