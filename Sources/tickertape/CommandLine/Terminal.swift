/// Where a command writes and what is at the other end: a value, so that a test reads what a person would.
struct Terminal {
  enum Colour: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
    case dim = "2"
    case bold = "1"
  }

  /// Writes all bytes at once, so that each line can be seen when it was written.
  private let output: ([UInt8]) throws(SystemFailure) -> Void
  private let errors: ([UInt8]) throws(SystemFailure) -> Void
  /// Standard output is a screen: a progress bar may redraw its line.
  let isInteractive: Bool
  let hasColours: Bool
  /// Characters a line.
  let columns: Int

  init(
    isInteractive: Bool = false, hasColours: Bool = false, columns: Int = 80,
    output: @escaping ([UInt8]) throws(SystemFailure) -> Void,
    errors: @escaping ([UInt8]) throws(SystemFailure) -> Void
  ) {
    self.isInteractive = isInteractive
    self.hasColours = hasColours
    self.columns = columns
    self.output = output
    self.errors = errors
  }

  /// A line of result, to standard output.
  func line(_ text: String = "") throws(CommandFailure) { try write(Array(text.utf8) + [0x0A]) }

  /// Bytes of result as they are, with a line feed.
  func line(_ bytes: [UInt8]) throws(CommandFailure) { try write(bytes + [0x0A]) }

  /// Text of result that does not end its line.
  func write(_ bytes: [UInt8]) throws(CommandFailure) {
    do { try output(bytes) } catch {
      // Whoever reads may stop reading (`tickertape watch | head -1`): nothing to say about that.
      throw CommandFailure(.inputOutput, error.isBrokenPipe ? "" : "cannot write to standard output: \(error)")
    }
  }

  /// A line of warning or progress, to standard error, where it does not mix with results.
  func note(_ text: String) { try? errors(Array(text.utf8) + [0x0A]) }

  func report(_ failure: CommandFailure) {
    guard !failure.message.isEmpty else { return }
    note("\(paint("tickertape: ", .red))\(Self.harmless(failure.message))")
    for advice in failure.advice { note("  \(advice)") }
  }

  func paint(_ text: String, _ colour: Colour) -> String {
    hasColours ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// Text from outside with its control characters made visible, so that it cannot drive the screen.
  static func harmless(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return text.unicodeScalars.map { isControl($0) ? "\\u{\(String($0.value, radix: 16))}" : String($0) }.joined()
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
  }
}
