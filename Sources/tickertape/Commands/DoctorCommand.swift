/// `tickertape doctor`: is everything there to run?
struct DoctorCommand: Command {
  static let syntax = CommandSyntax(
    name: "doctor", summary: "Check what the gateway needs, and say what to do.",
    options: [
      .value("port", value: "N", help: "Where the gateway is to listen. Default 8000."),
      ChosenTable.option,
      .value("function", value: "NAME=PATH", help: "A function of your own to look at.", isRepeatable: true),
      .value(
        "endpoint", value: "URL", help: "An endpoint that has to answer. Default: the port, if anything listens there."),
      .value("config", value: "PATH", help: "serve's file of settings. Default tickertape.json, if it is there."),
      .flag("json", help: "Print the findings as one JSON object."),
    ],
    details: [
      "Looks at the Debian packages, the functions' executables, every page of the table's file and the space beside it "
        + "(of a DynamoDB table: whether it can be used, its key, its time to live), the port, and the endpoint. "
        + "Changes nothing. The exit code is 1 if something is wrong."
    ],
    examples: ["tickertape doctor", "tickertape doctor --endpoint http://127.0.0.1:8000 --json"])

  private let arguments: Arguments

  init(_ arguments: Arguments) throws(CommandFailure) { self.arguments = arguments }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    let settings = try ServeSettings(arguments, in: context)
    let diagnosis = Diagnosis(
      settings: settings, endpoint: arguments.value("endpoint") ?? "http://127.0.0.1:\(settings.port)",
      isEndpointRequired: arguments.has("endpoint"), context: context)
    let checks = diagnosis.checks()
    let terminal = context.terminal
    if arguments.has("json") {
      try terminal.json(Check.json(checks))
    } else {
      for line in checks.flatMap({ $0.lines(terminal: terminal) }) { try terminal.line(line) }
    }
    return checks.contains { $0.verdict == .wrong } ? .failure : .success
  }
}
