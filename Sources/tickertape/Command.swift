/// One word after `tickertape`: what it takes, and what it does.
protocol Command: SendableMetatype {
  static var syntax: CommandSyntax { get }

  /// Reads the arguments; nothing is touched yet.
  init(_ arguments: Arguments) throws(CommandFailure)

  func run(in surroundings: CommandContext) throws(CommandFailure) -> ExitCode
}

/// The whole tool, from its arguments to its exit code.
enum Tool {
  static let version = "0.1.0"

  static let commands: [any Command.Type] = [
    ServeCommand.self, PublishCommand.self, WatchCommand.self, FeedCommand.self, KeysCommand.self, LogCommand.self,
    DoctorCommand.self,
  ]

  static func run(_ words: [String], in surroundings: CommandContext) -> ExitCode {
    do {
      return try dispatch(words, in: surroundings)
    } catch {
      surroundings.terminal.report(error)
      return error.code
    }
  }

  private static func dispatch(_ words: [String], in surroundings: CommandContext) throws(CommandFailure) -> ExitCode {
    let terminal = surroundings.terminal
    guard let word = words.first else {
      terminal.note(ScreenText(own: Help.overview(of: commands.map { $0.syntax })))
      return .usage
    }
    switch word {
    case "--help", "-h": try terminal.line(ScreenText(own: Help.overview(of: commands.map { $0.syntax })))
    case "help": return try dispatch(words.dropFirst() + ["--help"], in: surroundings)
    case "--version": try terminal.line("tickertape \(version)")
    default: return try command(named: word).start(words.dropFirst(), in: surroundings)
    }
    return .success
  }

  private static func command(named name: String) throws(CommandFailure) -> any Command.Type {
    if let command = commands.first(where: { $0.syntax.name == name }) { return command }
    let names = commands.map { $0.syntax.name }
    let kind = name.hasPrefix("-") ? "option" : "command"
    throw CommandFailure(
      code: .usage,
      message: "unknown \(kind) \(name)\(Suggestion.phrase(for: name, among: names + ["--help", "--version"]))",
      advice: ["'tickertape --help' lists the commands"])
  }
}

extension Command {
  fileprivate static func start(
    _ words: ArraySlice<String>, in surroundings: CommandContext
  ) throws(CommandFailure) -> ExitCode {
    let arguments = try Arguments(words, for: syntax)
    if arguments.asksForHelp {
      try surroundings.terminal.line(ScreenText(own: Help.page(of: syntax)))
      return .success
    }
    return try Self(arguments).run(in: surroundings)
  }
}
