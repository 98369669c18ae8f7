import JSON
import LambdaEvents

/// What must hold of any bytes that come as a request over HTTP. The tests, the kept failures and the fuzzer check the
/// same.
enum HTTPEventAgreement {
  /// Nil if all holds, else what does not.
  static func violation(of input: [UInt8]) -> String? {
    guard let event = try? HTTPEvent(decoding: input) else { return nil }
    guard (try? JSONReader.validate(input)) != nil else { return "what was read is no JSON" }
    if let segments = event.segments, segments.contains("..") { return "a segment leaves the path: \(event.path)" }
    _ = event.cookies
    let written = event.encoded()
    guard (try? JSONReader.validate(written)) != nil else { return "written as no JSON: \(text(written))" }
    guard let again = try? HTTPEvent(decoding: written) else { return "not read again: \(text(written))" }
    guard again.method == event.method, again.path == event.path, again.body == event.body else {
      return "another request: \(text(written))"
    }
    guard again.encoded() == written else { return "\(text(again.encoded())) instead of \(text(written))" }
    return nil
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
