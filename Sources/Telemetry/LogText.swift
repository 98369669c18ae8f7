/// A text for the log of which each piece is known: what the program wrote itself stands as it is, what came from
/// outside is masked by `Masking`, piece by piece.
///
///     let reason: LogText = "authorization: no key for the token's algorithm '\(name)'"
///     // name is "HS512":  authorization: no key for the token's algorithm 'HS512'
///     // name is an e-mail address:  authorization: no key for the token's algorithm '[email]'
///
/// Guessing at the whole would take `authorization: no` for a secret and hide the very reason.
package struct LogText: ExpressibleByStringInterpolation, Equatable, Sendable, CustomStringConvertible {
  /// As it may stand in a log.
  package let description: String

  package init(stringLiteral text: String) { description = text }

  package init(stringInterpolation: StringInterpolation) { description = stringInterpolation.text }

  /// A text that holds nothing from outside.
  package init(known text: String) { description = text }

  /// A text that came from outside, at least in part.
  package init(masking text: String) { description = Masking.masked(text) ?? text }

  /// What an error says of itself; masked unless the error knows which of its words are the program's own.
  package init(_ error: any Error) {
    self = (error as? any LogTextConvertible)?.logText ?? LogText(masking: String(describing: error))
  }

  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    package init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    package mutating func appendLiteral(_ literal: String) { text += literal }

    /// A piece from outside.
    package mutating func appendInterpolation(_ piece: some StringProtocol) {
      text += LogText(masking: String(piece)).description
    }

    package mutating func appendInterpolation(_ piece: LogText) { text += piece.description }

    package mutating func appendInterpolation(_ number: some BinaryInteger) { text += String(number) }

    /// A piece that the program wrote, or whose form it has checked.
    package mutating func appendInterpolation(known piece: String) { text += piece }
  }
}

/// An error that knows which of its words are the program's own.
package protocol LogTextConvertible {
  var logText: LogText { get }
}
