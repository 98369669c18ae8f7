extension ServeSettings {
  /// The settings of `tickertape.json` (or of the file that `--config` names), then the command line's over them. The table
  /// that neither names is the one that the environment names, as for every other command.
  init(_ arguments: Arguments, in context: CommandContext) throws(CommandFailure) {
    self.init(executableDirectory: context.executableDirectory)
    let path = arguments.value("config")
    let base = path.flatMap(Path.directory(of:))
    let file = try ServeConfiguration.load(path: path)
    if !arguments.has(Key.store.rawValue), !file.contains(where: { $0.key == .store }) {
      try set(.store, text: ChosenTable.location(in: context.environment), base: nil, saying: "CONNECTION_STORE: ")
    }
    for key in Key.allCases {
      let own = arguments.values(key.rawValue)
      // A list on the command line replaces the file's; of named values each replaces only its own.
      if own.isEmpty || key.isNamed {
        for setting in file where setting.key == key {
          try set(key, text: setting.text, base: base, saying: "\(path ?? ServeConfiguration.defaultPath): ")
        }
      }
      for text in own { try set(key, text: text, base: nil, saying: "--") }
    }
    try validate()
  }

  /// What is wrong with a setting begins with its name; `origin` says before that where it stands.
  private mutating func set(
    _ key: Key, text: String, base: String?, saying origin: String
  ) throws(CommandFailure) {
    do throws(CommandFailure) { try set(key, text: text, base: base) } catch {
      throw CommandFailure(code: error.code, message: origin + error.message, advice: error.advice)
    }
  }
}
