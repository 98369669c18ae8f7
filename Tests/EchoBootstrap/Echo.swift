import JSON
import LambdaRuntime

/// A function for the system tests: it does what its event asks for, `{"do":"throw"}`, and else gives the event back.
struct Echo: LambdaHandler {
  private var count = 0

  init(failing: Bool) throws {
    if failing { throw CannotStart() }
  }

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    count += 1
    switch try request(event) {
    case "throw": throw AskedTo()
    case "count": return Array("\(count)".utf8)
    case "context": return describe(context)
    case "largest": return padded(6 * 1024 * 1024 + 100)
    case "too large": return padded(6 * 1024 * 1024 + 101)
    case "hang": while true {}
    case "trap": preconditionFailure("asked to")
    default: return event
    }
  }

  private func request(_ event: [UInt8]) throws -> String? {
    var reader = JSONReader(event)
    guard try reader.peek() == .object else { return nil }
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if key == "do" { return try reader.string() }
      try reader.skip()
    }
    return nil
  }

  private func describe(_ context: InvocationContext) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("requestID", context.requestID)
      writer.member("deadlineMilliseconds", context.deadlineMilliseconds)
      writer.member("invokedFunctionARN", context.invokedFunctionARN)
      writer.member("clientContext", ifPresent: context.clientContext)
    }
    return writer.bytes
  }

  /// A JSON text of that many bytes.
  private func padded(_ count: Int) -> [UInt8] {
    let quote = UInt8(ascii: "\"")
    return [quote] + [UInt8](repeating: UInt8(ascii: "x"), count: count - 2) + [quote]
  }
}

private struct CannotStart: LambdaError {
  var errorType: String { "Runtime.CannotStart" }
}

private struct AskedTo: LambdaError, CustomStringConvertible {
  var errorType: String { "Function.AskedTo" }
  var description: String { "the event asked for it" }
}
