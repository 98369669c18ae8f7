/// Where a command writes and what is at the other end: a value, so that a test reads what a person would. Whatever is
/// written is `ScreenText`, which shows what came from outside escaped.
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
  func line(_ text: ScreenText = "") throws(CommandFailure) { try write(text + "\n") }

  /// A line of result that is one JSON text, from here or from outside.
  func json(_ bytes: [UInt8]) throws(CommandFailure) { try write(ScreenText(own: ScreenText.oneLine(bytes) + "\n")) }

  /// Text of result that does not end its line.
  func write(_ text: ScreenText) throws(CommandFailure) {
    do { try output(Array(text.text.utf8)) } catch {
      // Whoever reads may stop reading (`tickertape watch | head -1`): nothing to say about that.
      let reason = error.isClosed ? "it is closed" : error.reason
      throw CommandFailure(
        code: .inputOutput, message: error.isBrokenPipe ? "" : "cannot write to standard output: \(reason)")
    }
  }

  /// A line of warning or progress, to standard error, where it does not mix with results.
  func note(_ text: ScreenText) { try? errors(Array((text + "\n").text.utf8)) }

  func report(_ failure: CommandFailure) {
    guard !failure.message.isEmpty else { return }
    note("\(paint("tickertape: ", colour: .red))\(failure.message)")
    for advice in failure.advice { note("  \(advice)") }
  }

  func paint(_ text: ScreenText, colour: Colour) -> ScreenText {
    hasColours ? ScreenText(own: "\u{1B}[\(colour.rawValue)m\(text.text)\u{1B}[0m") : text
  }
}
