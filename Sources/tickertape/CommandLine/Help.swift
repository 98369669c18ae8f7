/// The texts of `--help`.
enum Help {
  /// `tickertape --help`
  static func overview(of commands: [CommandSyntax]) -> String {
    var lines = [
      "Tickertape pushes events to many clients in real time. This tool runs it on your machine.", "",
      "usage: tickertape COMMAND [options]", "", "Commands:",
    ]
    lines += table(commands.map { ($0.name, $0.summary) })
    lines += ["", "'tickertape COMMAND --help' explains one command; 'tickertape --version' tells the version.", ""]
    lines += exitCodes
    return lines.joined(separator: "\n")
  }

  /// `tickertape COMMAND --help`
  static func page(of syntax: CommandSyntax) -> String {
    let operands = syntax.operands.isEmpty ? "" : " \(syntax.operands)"
    var lines = [syntax.summary, "", "usage: tickertape \(syntax.name)\(operands) [options]"]
    for paragraph in syntax.details { lines += [""] + wrap(paragraph, width: 100) }
    lines += ["", "Options:"]
    lines += table((syntax.options + [.help]).map { ($0.title, $0.help + ($0.isRepeatable ? " Repeatable." : "")) })
    if !syntax.examples.isEmpty { lines += ["", "Examples:"] + syntax.examples.map { "  \($0)" } }
    lines += [""] + exitCodes
    return lines.joined(separator: "\n")
  }

  private static var exitCodes: [String] {
    ["Exit codes:"] + table(ExitCode.allCases.map { (String($0.rawValue), $0.meaning) })
  }

  /// Two columns; the second is wrapped.
  private static func table(_ rows: [(String, String)]) -> [String] {
    let width = min(28, rows.map(\.0.count).max() ?? 0)
    return rows.flatMap { title, text in
      let lines = wrap(text, width: 96 - width)
      let margin = String(repeating: " ", count: width + 4)
      // A title too long for its column stands on a line of its own.
      let first =
        title.count <= width ? ["  \(pad(title, width: width))  \(lines[0])"] : ["  \(title)", margin + lines[0]]
      return first + lines.dropFirst().map { margin + $0 }
    }
  }

  private static func pad(_ text: String, width: Int) -> String {
    text + String(repeating: " ", count: width - text.count)
  }

  /// At least one line.
  private static func wrap(_ text: String, width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let line = lines[lines.count - 1]
      if line.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if line.count + 1 + word.count <= width {
        lines[lines.count - 1] += " \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
