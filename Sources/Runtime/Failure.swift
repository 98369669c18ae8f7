import JSON
import Telemetry

/// A failed invocation or start, as Lambda is told of it.
struct Failure: Equatable {
  /// `Category.Reason`, such as `Function.ResponseSizeTooLarge`.
  let type: String
  let message: String
  /// The message as it may stand in a log.
  let logText: LogText

  init(type: String, message: String) {
    self.type = type
    self.message = message
    logText = LogText(masking: message)
  }

  init(_ error: any Error) {
    type = (error as? any LambdaError)?.errorType ?? "Function.\(Self.name(of: error))"
    message = String(describing: error)
    logText = LogText(error)
  }

  /// An answer of that many bytes, which Lambda would not take.
  init(responseBytes count: Int) {
    let maximum = RuntimeClient.maximumResponseBytes
    self.init(
      type: "Function.ResponseSizeTooLarge",
      message: "the answer has \(count) bytes, Lambda takes at most \(maximum)")
  }

  /// The type in the form that Lambda keeps in its records, `(Runtime|Function).[A-Z][a-zA-Z]+`; it replaces any other.
  var headerType: String {
    for category in ["Function.", "Runtime."] where type.hasPrefix(category) {
      let reason = type.utf8.dropFirst(category.utf8.count)
      if let first = reason.first, Self.isCapital(first), reason.count > 1, reason.allSatisfy(Self.isLetter) {
        return type
      }
    }
    return "Function.Unknown"
  }

  /// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror
  var body: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("errorMessage", message)
      writer.member("errorType", type)
      writer.key("stackTrace")
      writer.array { _ in }
    }
    return writer.bytes
  }

  /// The error's type without the modules and generic arguments around it, its first letter a capital.
  private static func name(of error: any Error) -> String {
    let name = String(describing: Swift.type(of: error)).utf8.prefix(while: isLetter)
    guard let first = name.first, name.count > 1 else { return "Unknown" }
    let initial = isCapital(first) ? first : first & ~0x20
    return String(decoding: [initial] + name.dropFirst(), as: UTF8.self)
  }

  private static func isCapital(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "A") < 26 }

  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }
}
