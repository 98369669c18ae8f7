/// One word after `tickertape`: what it takes, and what it does.
protocol Command: SendableMetatype {
  static var syntax: CommandSyntax { get }

  /// Reads the arguments; nothing is touched yet.
  init(_ arguments: Arguments) throws(CommandFailure)

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode
}

/// The whole tool, from its arguments to its exit code.
enum Tool {
  static let version = "0.1.0"

  static let commands: [any Command.Type] = [
    ServeCommand.self, PublishCommand.self, WatchCommand.self, FeedCommand.self, KeysCommand.self, LogCommand.self,
    StatsCommand.self, DoctorCommand.self,
  ]

  static func run(_ tokens: [String], in context: CommandContext) -> ExitCode {
    do {
      return try dispatch(tokens, in: context)
    } catch {
      context.terminal.report(error)
      return error.code
    }
  }

  private static func dispatch(_ tokens: [String], in context: CommandContext) throws(CommandFailure) -> ExitCode {
    let terminal = context.terminal
    guard let token = tokens.first else {
      terminal.note(ScreenText(own: Help.overview(of: commands.map { $0.syntax })))
      return .usage
    }
    switch token {
    case "--help", "-h": try terminal.line(ScreenText(own: Help.overview(of: commands.map { $0.syntax })))
    case "help": return try dispatch(tokens.dropFirst() + ["--help"], in: context)
    case "--version": try terminal.line("tickertape \(version)")
    default: return try command(named: token).start(tokens.dropFirst(), in: context)
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
    _ tokens: ArraySlice<String>, in context: CommandContext
  ) throws(CommandFailure) -> ExitCode {
    let arguments = try Arguments(tokens, for: syntax)
    if arguments.asksForHelp {
      try context.terminal.line(ScreenText(own: Help.page(of: syntax)))
      return .success
    }
    return try Self(arguments).run(in: context)
  }
}
