import JSON
import LambdaEvents

/// What must hold of any bytes that come as an event. The tests, the kept failures and the fuzzer check the same.
enum GatewayEventAgreement {
  /// Nil if all holds, else what does not.
  static func violation(of input: [UInt8]) -> String? {
    guard let event = try? GatewayEvent(decoding: input) else { return nil }
    guard (try? JSONReader.validate(input)) != nil else { return "what was read is no JSON" }
    lookIn(event)
    let written = event.encoded()
    guard (try? JSONReader.validate(written)) != nil else { return "written as no JSON: \(text(written))" }
    guard let again = try? GatewayEvent(decoding: written) else { return "not read again: \(text(written))" }
    guard again.encoded() == written else { return "\(text(again.encoded())) instead of \(text(written))" }
    return nil
  }

  /// What is read only when it is asked for must hold too.
  private static func lookIn(_ event: GatewayEvent) {
    switch event {
    case .connect(let event):
      _ = event.query["userId"]
    case .message: break
    case .disconnect(let event): _ = event.headers["Host"]
    }
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
