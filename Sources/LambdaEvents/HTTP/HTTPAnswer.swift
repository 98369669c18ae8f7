/// What a function answers over HTTP, in one piece or, without its body, at the head of a stream.
///
/// A handler that answers in one piece ends with `encoded(for:)`; the local gateway reads with `init(decoding:from:)`
/// and, of a stream, with `PreludeReader`.
public struct HTTPAnswer: Sendable {
  /// 100 to 599.
  public var status: Int
  /// In their order, without `Set-Cookie`. A name may stand several times.
  public var headers: [(name: String, value: String)]
  /// Each the value of a `Set-Cookie`.
  public var cookies: [String]
  /// As it goes to the client: not in base64.
  public var body: [UInt8]

  /// `HTTPAnswer(204)` is an answer without a body.
  public init(
    _ status: Int, headers: [(name: String, value: String)] = [], cookies: [String] = [], body: [UInt8] = []
  ) {
    self.status = status
    self.headers = headers
    self.cookies = cookies
    self.body = body
  }
}

/// What a function answered is none of the shapes that its front takes. The front answers 502, or 500 to a prelude.
package struct HTTPAnswerError: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = "not an answer over HTTP: \(description)" }
}
