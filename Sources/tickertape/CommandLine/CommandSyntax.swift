/// What a command takes, as data: the parser reads it, and `--help` prints it.
struct CommandSyntax: Sendable {
  let name: String
  /// One line for the list of commands.
  let summary: String
  /// The arguments without a name, as the usage line shows them: `FILE`, `[TYPE]`.
  var operands = ""
  var maximumOperands = 0
  var options: [OptionSyntax] = []
  /// Paragraphs between the usage line and the options.
  var details: [String] = []
  /// Command lines that work as they stand.
  var examples: [String] = []

  /// Every command has `--help`.
  func option(named name: String) -> OptionSyntax? {
    name == OptionSyntax.help.name ? .help : options.first { $0.name == name }
  }
}

/// One `--name`.
struct OptionSyntax: Sendable {
  /// Without the dashes.
  let name: String
  /// What stands for the value in the help; nil for a flag, which has none.
  let value: String?
  let help: String
  let isRepeatable: Bool

  /// `--name VALUE`
  static func value(_ name: String, value: String, help: String, isRepeatable: Bool = false) -> OptionSyntax {
    OptionSyntax(name: name, value: value, help: help, isRepeatable: isRepeatable)
  }

  /// `--name`
  static func flag(_ name: String, help: String) -> OptionSyntax {
    OptionSyntax(name: name, value: nil, help: help, isRepeatable: false)
  }

  static let help = flag("help", help: "Show this help.")

  var title: String { value.map { "--\(name) \($0)" } ?? "--\(name)" }
}
